//! A group of pictures through all steps, forward and back.

use super::plan::{Layer, Plan, Plane, Task};
use super::product::{Below, Forward, Weights};
use bytemuck::cast_slice;

/// Takes the pictures of some rows, `[n, stride]`, through all steps; `planes` holds what they gave afterwards.
pub(super) fn forward(plan: &Plan, packed: &[f32], rows: &[f32], stride: usize, planes: &mut [f32]) {
    assert!(packed.len() == plan.packed_len && planes.len() == plan.group);
    let count = rows.len() / stride;
    for (row, image) in rows.chunks_exact(stride).zip(planes.chunks_exact_mut(plan.image)) {
        read(plan, &row[..plan.words], image);
    }
    for task in &plan.tasks {
        match task {
            Task::Convolve(layer) => convolve(plan, layer, packed, count, planes),
            &Task::Relu { from, to } => {
                for image in planes.chunks_exact_mut(plan.image).take(count) {
                    each_row(&plan.planes, [from, to], image, |from, to| {
                        to.iter_mut().zip(from.iter()).for_each(|(to, &x)| *to = x.max(0.0));
                    });
                }
            }
            &Task::Pool { from, to } => {
                for image in planes.chunks_exact_mut(plan.image).take(count) {
                    pool(plan.planes[from], plan.planes[to], image);
                }
            }
        }
    }
}

/// Unpacks a picture and puts channels next to each other.
fn read(plan: &Plan, row: &[f32], image: &mut [f32]) {
    let plane = plan.planes[0];
    let bytes: &[u8] = cast_slice(row);
    for channel in 0..plane.channels {
        for y in 0..plane.height {
            let from = (channel * plane.height + y) * plane.width;
            let to = &mut image[plane.row(y)..][..plane.width * plane.channels];
            let to = to.iter_mut().skip(channel).step_by(plane.channels);
            if plan.bytes {
                let pixels = &bytes[from..from + plane.width];
                to.zip(pixels).for_each(|(to, &byte)| *to = f32::from(byte) * (1.0 / 255.0));
            } else {
                to.zip(&row[from..from + plane.width]).for_each(|(to, &x)| *to = x);
            }
        }
    }
}

fn convolve(plan: &Plan, layer: &Layer, packed: &[f32], count: usize, planes: &mut [f32]) {
    let [windows, places, added] = lists(plan, layer, count);
    let b = &packed[layer.packed..][..layer.window() * layer.shape.outputs];
    let bias = &packed[layer.packed_bias..][..layer.shape.outputs];
    // SAFETY: the lists lead into a group's planes by the plan, whose length was checked, as was `level` when it was made.
    unsafe {
        plan.level.run(Forward {
            windows,
            places,
            added,
            kernel: layer.shape.kernel,
            run: layer.run(),
            pitch: plan.planes[layer.from].pitch(),
            outputs: layer.shape.outputs,
            b: b.as_ptr(),
            bias: bias.as_ptr(),
            planes: planes.as_mut_ptr(),
            relu: layer.relu,
        });
    }
}

/// Where windows, results and what is added lie, for the first `count` pictures of a group.
fn lists<'a>(plan: &Plan, layer: &'a Layer, count: usize) -> [&'a [u32]; 3] {
    let to = plan.planes[layer.to];
    let len = count * to.height * to.width;
    [&layer.windows[..len], &layer.places[..len], &layer.added[..len.min(layer.added.len())]]
}

/// The places around `(2 y, 2 x)` that a maximum is taken over, as numbers of an image's memory, in order.
fn around(from: Plane, y: usize, x: usize) -> impl Iterator<Item = usize> {
    let range = |at: usize, side: usize| (2 * at).saturating_sub(1)..side.min(2 * at + 2);
    let columns = range(x, from.width);
    range(y, from.height).flat_map(move |y| columns.clone().map(move |x| from.row(y) + x * from.channels))
}

fn pool(from: Plane, to: Plane, image: &mut [f32]) {
    for y in 0..to.height {
        for x in 0..to.width {
            let place = to.row(y) + x * to.channels;
            for (i, other) in around(from, y, x).enumerate() {
                for channel in 0..to.channels {
                    let number = image[other + channel];
                    let largest = &mut image[place + channel];
                    *largest = if i == 0 || number > *largest { number } else { *largest };
                }
            }
        }
    }
}

/// Calls `work` with every row of two planes of the same size.
fn each_row(planes: &[Plane], [from, to]: [usize; 2], image: &mut [f32], mut work: impl FnMut(&mut [f32], &mut [f32])) {
    let (from, to) = (planes[from], planes[to]);
    let len = from.width * from.channels;
    // Planes lie in the order in which they are made.
    let (below, above) = image.split_at_mut(to.at);
    for y in 0..from.height {
        work(&mut below[from.row(y)..][..len], &mut above[to.row(y) - to.at..][..len]);
    }
}

/// Takes the gradient with respect to the last plane, which `d` holds, back to the parameters, and adds theirs to `gradient`. `d` has the
/// layout of `planes`; the other planes of it are zeros.
pub(super) fn backward(
    plan: &Plan,
    packed: &[f32],
    count: usize,
    planes: &mut [f32],
    d: &mut [f32],
    gradient: &mut [f32],
) {
    assert!(planes.len() == plan.group && d.len() == plan.group && gradient.len() == plan.gradient_len);
    for task in plan.tasks.iter().rev() {
        match task {
            Task::Convolve(layer) => convolve_back(plan, layer, packed, count, planes, d, gradient),
            &Task::Relu { from, to } => {
                for (image, d) in planes.chunks_exact(plan.image).zip(d.chunks_exact_mut(plan.image)).take(count) {
                    let kept = plan.planes[to];
                    let mut y = 0;
                    each_row(&plan.planes, [from, to], d, |below, above| {
                        let kept = &image[kept.row(y)..][..above.len()];
                        for ((below, &above), &kept) in below.iter_mut().zip(above.iter()).zip(kept) {
                            *below += if kept > 0.0 { above } else { 0.0 };
                        }
                        y += 1;
                    });
                }
            }
            &Task::Pool { from, to } => {
                for (image, d) in planes.chunks_exact(plan.image).zip(d.chunks_exact_mut(plan.image)).take(count) {
                    pool_back(plan.planes[from], plan.planes[to], image, d);
                }
            }
        }
    }
}

/// The gradient goes to the first of the largest numbers.
fn pool_back(from: Plane, to: Plane, image: &[f32], d: &mut [f32]) {
    for y in 0..to.height {
        for x in 0..to.width {
            let place = to.row(y) + x * to.channels;
            for channel in 0..to.channels {
                let largest = image[place + channel];
                // A number that is no number is not equal to itself, and its gradient is lost: the loss is none either.
                if let Some(other) = around(from, y, x).find(|other| image[other + channel] == largest) {
                    d[other + channel] += d[place + channel];
                }
            }
        }
    }
}

fn convolve_back(
    plan: &Plan,
    layer: &Layer,
    packed: &[f32],
    count: usize,
    planes: &mut [f32],
    d: &mut [f32],
    gradient: &mut [f32],
) {
    let [windows, places, added] = lists(plan, layer, count);
    let outputs = layer.shape.outputs;
    let (weights, biases) =
        gradient[layer.gradient..][..(layer.window() + 1) * outputs].split_at_mut(layer.window() * outputs);
    for (i, &place) in places.iter().enumerate() {
        let place = place as usize;
        if layer.relu {
            let kept = &planes[place..place + outputs];
            for (d, &kept) in d[place..place + outputs].iter_mut().zip(kept) {
                *d = if kept > 0.0 { *d } else { 0.0 };
            }
        }
        biases.iter_mut().zip(&d[place..place + outputs]).for_each(|(bias, &d)| *bias += d);
        if let Some(&added) = added.get(i) {
            let (below, above) = d.split_at_mut(place);
            below[added as usize..][..outputs].iter_mut().zip(&above[..outputs]).for_each(|(to, &d)| *to += d);
        }
    }
    let (kernel, run, pitch) = (layer.shape.kernel, layer.run(), plan.planes[layer.from].pitch());
    // SAFETY: the lists lead into a group's planes by the plan, whose length the caller checked, as was `level` when it was made.
    unsafe {
        let (planes, gradient) = (planes.as_ptr(), weights.as_mut_ptr());
        plan.level.run(Weights { windows, places, kernel, run, pitch, outputs, planes, d: d.as_ptr(), gradient });
        if layer.from > 0 {
            let b = packed[layer.packed_transpose..][..layer.window() * outputs].as_ptr();
            plan.level.run(Below { windows, places, kernel, run, pitch, outputs, b, d: d.as_mut_ptr() });
        }
    }
}
