//! Bar charts as SVG that compare several libraries.

use std::fmt::Write;

/// A chart with groups of bars: one bar for each library.
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

const BAR: usize = 14;
const LEFT: usize = 190;
const WIDTH: usize = 420;

/// Colours that are visible on white and on black.
const STYLE: &str = "text { font: 12px sans-serif; fill: #777 } \
    .title { font-weight: bold; font-size: 14px } \
    .ours { fill: #2a9d8f } .theirs { fill: #8d99ae } \
    @media (prefers-color-scheme: dark) { text { fill: #bbb } }";

/// Draws the charts, one below the other.
///
/// # Panics
/// If a library has fewer figures than there are groups.
pub fn svg(charts: &[Chart<'_>]) -> String {
    let mut body = String::new();
    let mut y = 20;
    for chart in charts {
        writeln!(body, r#"<text class="title" x="10" y="{y}">{}</text>"#, chart.title).unwrap();
        y += 10;
        for (group, name) in chart.groups.iter().enumerate() {
            y += 16;
            writeln!(body, r#"<text x="10" y="{y}">{name}</text>"#).unwrap();
            y += 6;
            let longest = chart.rows.iter().map(|(_, figures)| figures[group]).fold(0.0, f64::max);
            for (library, figures) in chart.rows {
                let width = figures[group] / longest * WIDTH as f64;
                let class = if library.starts_with("tls-record") { "ours" } else { "theirs" };
                let baseline = y + 11;
                let height = BAR - 2;
                let after = LEFT as f64 + width + 5.0;
                writeln!(
                    body,
                    r#"<text x="{}" y="{baseline}" text-anchor="end">{library}</text>
<rect class="{class}" x="{LEFT}" y="{y}" width="{width:.1}" height="{height}"/>
<text x="{after:.1}" y="{baseline}">{:.0}</text>"#,
                    LEFT - 6,
                    figures[group],
                )
                .unwrap();
                y += BAR;
            }
        }
        y += 36;
    }
    let width = LEFT + WIDTH + 60;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">
<style>{STYLE}</style>
{body}</svg>
"#
    )
}
