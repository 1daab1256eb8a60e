//! Bar charts as SVG that compare several libraries, in small panels.

use std::fmt::Write;

/// A chart with one panel for each group, and in it one bar for each library.
#[derive(Debug)]
pub struct Chart<'a> {
    /// The measured quantity and its unit.
    pub title: &'a str,
    /// The names of the groups, for instance lengths of records.
    pub groups: &'a [String],
    /// The libraries, each with a figure for each group. Names that start with `tls-record` are
    /// highlighted.
    pub rows: &'a [(String, Vec<f64>)],
}

/// Panels beside each other.
const COLUMNS: usize = 3;
/// Room for the names of the libraries, left of the first panel.
const NAMES: usize = 180;
/// The longest bar of a panel, the room for its figure behind it, and the gap to the next panel.
const BAR: usize = 130;
const FIGURE: usize = 46;
const GAP: usize = 10;
const PANEL: usize = BAR + FIGURE + GAP;
/// From one bar to the next.
const LINE: usize = 14;

/// Colours that are visible on white and on black.
const STYLE: &str = "text { font: 12px sans-serif; fill: #777 } \
    .title { font-weight: bold; font-size: 14px } \
    .ours { fill: #2a9d8f } .theirs { fill: #8d99ae } \
    @media (prefers-color-scheme: dark) { text { fill: #bbb } }";

/// Draws the charts, one below the other. In each panel the longest bar has the full width.
///
/// # Panics
/// If a library has fewer figures than there are groups.
pub fn svg(charts: &[Chart<'_>]) -> String {
    let mut body = String::new();
    let mut y = 20;
    for chart in charts {
        text(&mut body, [10, y], r#"class="title""#, chart.title);
        y += 22;
        let groups: Vec<usize> = (0..chart.groups.len()).collect();
        for line in groups.chunks(COLUMNS) {
            for (row, (library, _)) in chart.rows.iter().enumerate() {
                let place = [NAMES - 6, y + 17 + row * LINE];
                text(&mut body, place, r#"text-anchor="end""#, library);
            }
            for (column, &group) in line.iter().enumerate() {
                panel(&mut body, chart, group, [NAMES + column * PANEL, y]);
            }
            y += 22 + chart.rows.len() * LINE;
        }
        y += 16;
    }
    let width = NAMES + COLUMNS * PANEL;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">
<style>{STYLE}</style>
{body}</svg>
"#
    )
}

/// Draws the bars of one group below its name. `x` and `y` are where the name stands.
fn panel(body: &mut String, chart: &Chart<'_>, group: usize, [x, y]: [usize; 2]) {
    text(body, [x, y], "", &chart.groups[group]);
    let longest = chart.rows.iter().map(|(_, figures)| figures[group]).fold(0.0, f64::max);
    for (row, (library, figures)) in chart.rows.iter().enumerate() {
        let (figure, top) = (figures[group], y + 6 + row * LINE);
        let class = if library.starts_with("tls-record") { "ours" } else { "theirs" };
        let width = figure / longest * BAR as f64;
        let height = LINE - 2;
        writeln!(
            body,
            r#"<rect class="{class}" x="{x}" y="{top}" width="{width:.1}" height="{height}"/>"#
        )
        .unwrap();
        let behind = x + width.ceil() as usize + 5;
        text(body, [behind, top + 11], "", &format!("{figure:.0}"));
    }
}

fn text(body: &mut String, [x, y]: [usize; 2], attributes: &str, content: &str) {
    let space = if attributes.is_empty() { "" } else { " " };
    writeln!(body, r#"<text{space}{attributes} x="{x}" y="{y}">{content}</text>"#).unwrap();
}
