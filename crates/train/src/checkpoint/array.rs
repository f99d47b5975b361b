//! Arrays of a checkpoint.

use safetensors::Dtype;

/// Numbers and the shape they fill, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension; empty for a single number.
    pub shape: Vec<usize>,
    /// As many elements as the product of the shape.
    pub data: Data,
}

impl Array {
    /// `data` in the shape `shape`.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Data>) -> Self {
        Self { shape: shape.into(), data: data.into() }
    }
}

/// The elements of an array. Equal means equal bits: a NaN equals itself, and 0 differs from -0.
#[derive(Clone, Debug)]
pub enum Data {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Whole numbers of 32 bits.
    U32(Vec<u32>),
    /// Whole numbers of 64 bits.
    U64(Vec<u64>),
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.dtype() == other.dtype() && self.to_bytes() == other.to_bytes()
    }
}

impl From<Vec<f32>> for Data {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<f64>> for Data {
    fn from(values: Vec<f64>) -> Self {
        Self::F64(values)
    }
}

impl From<Vec<u32>> for Data {
    fn from(values: Vec<u32>) -> Self {
        Self::U32(values)
    }
}

impl From<Vec<u64>> for Data {
    fn from(values: Vec<u64>) -> Self {
        Self::U64(values)
    }
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `f32`, `f64`, `u32` or `u64`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
        }
    }

    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::U32(_) => Dtype::U32,
            Self::U64(_) => Dtype::U64,
        }
    }

    /// The elements' bytes, little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    /// Back from bytes; none for a type that checkpoints do not have.
    pub(super) fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        let (fours, eights) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<8>().0);
        Some(match dtype {
            Dtype::F32 => Self::F32(fours.iter().map(|&b| f32::from_le_bytes(b)).collect()),
            Dtype::U32 => Self::U32(fours.iter().map(|&b| u32::from_le_bytes(b)).collect()),
            Dtype::F64 => Self::F64(eights.iter().map(|&b| f64::from_le_bytes(b)).collect()),
            Dtype::U64 => Self::U64(eights.iter().map(|&b| u64::from_le_bytes(b)).collect()),
            _ => return None,
        })
    }
}
