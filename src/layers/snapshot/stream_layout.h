// The last stage of a remote capture, when the server has sent everything: files in order of paths
// become index shards, cut as the base's are, and what is spooled of small files is packed.
#pragma once

#include "layers/snapshot/shard_cutter.h"
#include "layers/snapshot/stream_blocks.h"

namespace layers {

// Drains `rows` into shards, by `facts.threads` threads; all is durable on return.
void lay_out(RowSorter& rows, const repository::Repository& repository, const CaptureFacts& facts,
             const std::vector<std::string>& boundaries, StreamSpool& spool,
             ShardCommitter& committer, std::stop_token stop);

}  // namespace layers
