//! A funnel plot as SVG inside the page: ratios by how many cases they are
//! worth, under the line from which they are told.

use std::fmt::Write as _;

use crate::report::html;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 48.0;
/// Room above the highest point.
const HEAD: f64 = 1.08;
/// The least top of the plot.
const RATIO_TOP: f64 = 2.0;
/// Points of a line.
pub(super) const STEPS: u32 = 60;

/// A unit in the plot.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub effective: f64,
    pub ratio: f64,
    /// Of the values as they were, where it is known.
    pub raw: Option<f64>,
    /// `alert`, `watch` or `none`.
    pub class: &'static str,
    /// A ring: `violation` or `innocent`.
    pub planted: Option<&'static str>,
    pub number: Option<usize>,
    /// What is told when one points at it.
    pub title: String,
}

/// Room of the axis of cases, for points and lines alike.
pub(super) fn room(effective: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logs = effective.filter(|k| *k > 0.0 && k.is_finite()).map(libm::log10);
    let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), k| (low.min(k), high.max(k)));
    (low <= high).then_some((low - 0.08, high + 0.08))
}

/// So many effective cases, evenly along the axis.
pub(super) fn steps(room: (f64, f64)) -> impl Iterator<Item = f64> {
    let (low, high) = room;
    (0..=STEPS).map(move |step| libm::pow(10.0, low + (high - low) * f64::from(step) / f64::from(STEPS)))
}

struct Plot {
    out: String,
    room: (f64, f64),
    top: f64,
}

impl Plot {
    fn x(&self, effective: f64) -> f64 {
        let (low, high) = self.room;
        LEFT + (libm::log10(effective) - low) / (high - low) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, ratio: f64) -> f64 {
        HEIGHT - BOTTOM - ratio / self.top * (HEIGHT - TOP - BOTTOM)
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ =
            writeln!(self.out, "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>", from.0, from.1, to.0, to.1);
    }

    fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let _ = writeln!(self.out, "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.0, at.1, html::escape(text));
    }

    fn axes(&mut self, plain: f64) {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        let step = if self.top > 8.0 {
            2.0
        } else if self.top > 4.0 {
            1.0
        } else {
            0.5
        };
        let mut ratio = 0.0;
        while ratio <= self.top {
            let y = self.y(ratio);
            self.line("grid", (left, y), (right, y));
            self.text("tick end", (left - 6.0, y + 4.0), &format!("{ratio:.1}"));
            ratio += step;
        }
        for power in -2..7 {
            for factor in [1.0, 2.0, 5.0] {
                let cases = factor * libm::pow(10.0, f64::from(power));
                let x = self.x(cases);
                if (left..=right).contains(&x) {
                    self.line("grid", (x, TOP), (x, bottom));
                    self.text("tick middle", (x, bottom + 16.0), &format!("{cases}"));
                }
            }
        }
        let (one, at) = (self.y(1.0), self.y(plain));
        self.line("one", (left, one), (right, one));
        self.line("plain", (left, at), (right, at));
        self.text("tick", (left + 4.0, at - 5.0), &format!("O/E = {plain}"));
    }

    /// The alert line, as far as it lies within the plot.
    fn alert(&mut self, line: &[(f64, f64)]) {
        let within = line.iter().filter(|(_, ratio)| *ratio <= self.top);
        let points: Vec<String> = within.map(|(k, ratio)| format!("{:.1},{:.1}", self.x(*k), self.y(*ratio))).collect();
        let _ = writeln!(self.out, "<polyline class=\"limit\" points=\"{}\"/>", points.join(" "));
    }

    fn point(&mut self, point: &Point) {
        let (x, y) = (self.x(point.effective), self.y(point.ratio));
        let Point { class, title, .. } = point;
        if let Some(planted) = point.planted {
            let _ = writeln!(self.out, "<circle class=\"ring {planted}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"/>");
        }
        if let Some(raw) = point.raw.filter(|raw| *raw > point.ratio) {
            let raw = self.y(raw);
            self.line("raw", (x, y), (x, raw));
            self.line("raw", (x - 4.0, raw), (x + 4.0, raw));
        }
        // Shapes tell them apart where colours do not.
        let shape = match *class {
            "alert" => format!("<rect class=\"alert\" x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\">", x - 4.5, y - 4.5),
            _ => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\">"),
        };
        let end = if *class == "alert" { "rect" } else { "circle" };
        let _ = writeln!(self.out, "{shape}<title>{}</title></{end}>", html::escape(title));
        if let Some(number) = point.number {
            self.text("number", (x + 11.0, y + 4.0), &number.to_string());
        }
    }
}

/// The plot with its legend. `name` says what it shows to those who cannot see it.
pub(super) fn svg(points: &[Point], lines: &[Vec<(f64, f64)>], room: (f64, f64), plain: f64, name: &str) -> String {
    let highest = points.iter().map(|point| point.ratio.max(point.raw.unwrap_or(0.0))).fold(RATIO_TOP, f64::max);
    let mut plot = Plot { out: String::new(), room, top: highest * HEAD };
    let _ = writeln!(
        plot.out,
        "<figure class=\"funnel\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        html::escape(name)
    );
    plot.axes(plain);
    lines.iter().for_each(|line| plot.alert(line));
    points.iter().for_each(|point| plot.point(point));
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    plot.text("tick middle", (middle, HEIGHT - 8.0), "有效例数 k（对数） effective cases, log");
    plot.text("tick", (4.0, TOP - 4.0), "O/E");
    plot.out.push_str("</svg>\n<figcaption>");
    let keys = [
        ("key alert", "有线索", "told"),
        ("key watch", "只观察", "watched"),
        ("key none", "与同类无异", "as peers are"),
        ("key ring violation", "植入的问题", "planted violation"),
        ("key ring innocent", "植入的正当情形", "planted innocent"),
        ("key raw", "未封顶的比值", "values not capped"),
        ("key limit", "提示线：区间下限 = L", "alert line: EB05 = L"),
        ("key plain", "简单比值 1.5", "plain quotient 1.5"),
    ];
    for (class, zh, en) in keys {
        let _ = write!(plot.out, "<span class=\"nb\"><i class=\"{class}\"></i>{}</span> ", html::both(zh, en));
    }
    plot.out.push_str("</figcaption></figure>\n");
    plot.out
}
