use super::{Bind, Gpu, GpuBuffer, Shader, WORKGROUP, shader, word};
use crate::UnpackBytesArgs;
use bytemuck::cast_slice;

const UNPACK_BYTES: Shader = shader!("unpack_bytes");

impl Gpu {
    pub(super) fn launch_unpack_bytes(&self, args: UnpackBytesArgs<'_, GpuBuffer>) {
        args.assert_lengths(GpuBuffer::len);
        let shape = [args.rows, args.bytes, args.rest, 0].map(word);
        let bindings = [Bind::Data(cast_slice(&shape)), args.source.into(), args.out.into()];
        self.launch(&UNPACK_BYTES, &[], &bindings, (args.rows * (args.bytes + args.rest)).div_ceil(WORKGROUP));
    }
}
