//! Return, step and TD error under a picture.

use crate::format;
use crate::picture::{Canvas, text_width};
use crate::show::Sight;
use striatum_envs::Frame;
use striatum_envs::scene::colors;

const GROUND: [u8; 3] = [248, 249, 250];

/// The picture with a strip below it: return and step at the left, and the TD error, beside the largest one, as a bar from the middle
/// of its place: to the right if it is positive.
pub(super) fn under(frame: &Frame, sight: &Sight<'_>, largest: f32) -> Frame {
    let size = (frame.width as f64 / 28.0).clamp(11.0, 20.0);
    let strip = (1.8 * size).round();
    let mut canvas = Canvas::new(frame.width, frame.height + strip as usize, GROUND);
    canvas.paste(frame, (0, 0));
    let middle = frame.height as f64 + strip / 2.0;
    let text = format!("return {}   step {}", format::value(sight.score.total), sight.score.length);
    canvas.text_from(&text, [size / 2.0, middle], size, colors::INK);

    let label = "TD error";
    let (left, right) = (0.62 * frame.width as f64, frame.width as f64 - size / 2.0);
    let label_left = left - text_width(label, size) - size / 2.0;
    if label_left > size + text_width(&text, size) {
        canvas.text_from(label, [label_left, middle], size, colors::INK);
        let (zero, reach) = ((left + right) / 2.0, (right - left) / 2.0);
        canvas.line(&[[left, middle], [right, middle]], 1.0, colors::FAINT);
        let share = sight.act.map_or(0.0, |act| if largest > 0.0 { act.td_error / largest } else { 0.0 });
        let color = if share > 0.0 { colors::GOOD } else { colors::BAD };
        let (end, half) = (zero + reach * f64::from(share), 0.3 * size);
        canvas.polygon(
            &[[zero, middle - half], [end, middle - half], [end, middle + half], [zero, middle + half]],
            color,
        );
        canvas.line(&[[zero, middle - size / 2.0], [zero, middle + size / 2.0]], 1.0, colors::INK);
    }
    canvas.finish()
}
