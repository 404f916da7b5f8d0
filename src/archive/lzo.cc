#include "archive/lzo.h"

#include <cstdint>
#include <cstring>

#include "archive/output.h"

namespace kiln::archive {
namespace {

// State after an instruction: how many literals it carried along (0–3), or 4 after a long literal run.
constexpr unsigned kAfterLongRun = 4;

struct Block {
  std::string_view in;
  char* out;
  size_t room;
  size_t at = 0;
  size_t used = 0;
  bool broken = false;

  unsigned Byte() {
    if (at >= in.size()) {
      broken = true;
      return 0;
    }
    return static_cast<uint8_t>(in[at++]);
  }
  unsigned Le16() {
    const unsigned low = Byte();
    return low | Byte() << 8;
  }
  /// A length of `base` plus what the low bits say; zero bits mean that further bytes carry it.
  size_t Length(unsigned bits, unsigned mask) {
    if (bits != 0) return bits;
    size_t length = mask;
    while (true) {
      const unsigned byte = Byte();
      if (broken) return 0;
      if (byte != 0) return length + byte;
      length += 255;
    }
  }
  void Literals(size_t count) {
    if (count > in.size() - at || count > room - used) {
      broken = true;
      return;
    }
    if (count == 0) return;
    std::memcpy(out + used, in.data() + at, count);
    at += count;
    used += count;
  }
  void Match(size_t distance, size_t count) {
    if (distance > used || count > room - used) {
      broken = true;
      return;
    }
    char* to = out + used;
    const char* from = to - distance;
    if (distance >= count) {
      std::memcpy(to, from, count);
    } else {
      for (size_t i = 0; i < count; ++i) to[i] = from[i];  // Overlapping on purpose: it repeats.
    }
    used += count;
  }
};

struct Step {
  unsigned state = 0;
  bool end = false;
};

Step MatchThenLiterals(Block& block, size_t distance, size_t length, unsigned literals) {
  block.Match(distance, length);
  if (!block.broken) block.Literals(literals);
  return {literals, false};
}

Step RunInstruction(Block& block, unsigned state) {
  const unsigned op = block.Byte();
  if (op >= 64) {
    const size_t length = op >= 128 ? 5 + ((op >> 5) & 3) : 3 + ((op >> 5) & 1);
    const size_t distance = (size_t{block.Byte()} << 3) + ((op >> 2) & 7) + 1;
    return MatchThenLiterals(block, distance, length, op & 3);
  }
  if (op >= 32) {
    const size_t length = 2 + block.Length(op & 31, 31);
    const unsigned tail = block.Le16();
    return MatchThenLiterals(block, size_t{tail >> 2} + 1, length, tail & 3);
  }
  if (op >= 16) {
    const size_t length = 2 + block.Length(op & 7, 7);
    const unsigned tail = block.Le16();
    const size_t distance = 16384 + (size_t{op & 8} << 11) + (tail >> 2);
    if (distance == 16384) return {0, true};
    return MatchThenLiterals(block, distance, length, tail & 3);
  }
  if (state == 0) {
    block.Literals(3 + block.Length(op, 15));
    return {kAfterLongRun, false};
  }
  const size_t distance = (size_t{block.Byte()} << 2) + (op >> 2) + (state == kAfterLongRun ? 2049 : 1);
  return MatchThenLiterals(block, distance, state == kAfterLongRun ? 3 : 2, op & 3);
}

}  // namespace

Result<size_t> DecompressLzo1x(std::string_view input, char* out, size_t room) {
  Block block{input, out, room};
  Step step;
  if (!input.empty() && static_cast<uint8_t>(input[0]) > 17) {
    // Only the first instruction may be a bare run of literals.
    const unsigned count = block.Byte() - 17;
    block.Literals(count);
    step.state = count < 4 ? count : kAfterLongRun;
  }
  while (!block.broken && !step.end) step = RunInstruction(block, step.state);
  if (block.broken) return detail::Damaged(Compression::kLzop, "a block does not unpack");
  return block.used;
}

}  // namespace kiln::archive
