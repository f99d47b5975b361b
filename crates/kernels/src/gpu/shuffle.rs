use super::{Bind, Gpu, GpuIndices, Shader, WORKGROUP, shader, word};
use bytemuck::cast_slice;

const SHUFFLE: Shader = shader!("shuffle");

impl Gpu {
    /// [`shuffle`](crate::shuffle()) on the device: the same words.
    pub fn shuffle(&self, keys: &[[u32; 2]], rows: usize, out: &mut GpuIndices) {
        crate::shuffle::assert_lengths(keys.len(), rows, out.len());
        let groups = rows.div_ceil(WORKGROUP);
        let [left, right] = crate::shuffle::halves(word(rows));
        let shape = [word(keys.len()), word(rows), word(groups), left, right, 0, 0, 0];
        let bindings = [Bind::Data(cast_slice(&shape)), Bind::Data(cast_slice(keys)), Bind::Indices(out)];
        self.launch(&SHUFFLE, &[], &bindings, keys.len() * groups);
    }
}
