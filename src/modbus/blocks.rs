//! Places for byte strings of at most one ADU, used again when given back, so that storing one allocates nothing
//! after warm-up.

/// The longest ADU: a header of 7 bytes and a PDU of 253 (MODBUS Messaging on TCP/IP V1.0b, 4.3.2).
pub(super) const ADU_MAX: usize = 260;

/// Names a block of [`Blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockId(u32);

/// A pool of blocks. It grows with what is stored at one time; its users bound that.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    free: Vec<BlockId>,
}

#[derive(Clone, Debug)]
struct Block {
    bytes: [u8; ADU_MAX],
    len: usize,
}

impl Blocks {
    /// Stores a copy of `bytes`, of which at most [`ADU_MAX`] are kept.
    pub(super) fn store(&mut self, bytes: &[u8]) -> BlockId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block { bytes: [0; ADU_MAX], len: 0 });
            BlockId(self.blocks.len() as u32 - 1)
        });
        if let Some(block) = self.blocks.get_mut(id.0 as usize) {
            block.len = bytes.len().min(ADU_MAX);
            block.bytes[..block.len].copy_from_slice(&bytes[..block.len]);
        }
        id
    }

    /// The bytes stored at `id`.
    pub(super) fn bytes(&self, id: BlockId) -> &[u8] {
        self.blocks.get(id.0 as usize).map_or(&[], |block| &block.bytes[..block.len])
    }

    /// Gives the block back.
    pub(super) fn release(&mut self, id: BlockId) {
        self.free.push(id);
    }

    /// How many blocks are in use.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.blocks.len() - self.free.len()
    }
}
