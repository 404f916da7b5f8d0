#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "tiny_elf.h"

namespace kiln::testing_support {

inline std::string GzipBytes(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, plain.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// A bzImage (boot protocol 2.15, one setup sector) around a payload that is compressed already.
inline std::string BzImageAround(std::string_view payload, std::string_view release,
                                 uint16_t protocol = 0x020F) {
  constexpr size_t kSetup = 2 * 512;  // The boot sector and one setup sector.
  constexpr size_t kVersionAt = 0x300;
  constexpr size_t kStub = 0x40;  // Code before the payload.
  std::string out(kSetup + kStub, '\0');
  const auto put = [&](size_t at, const std::string& bytes) { out.replace(at, bytes.size(), bytes); };
  put(0x1F1, Le(1, 1));
  put(0x1FE, std::string("\x55\xAA", 2));
  put(0x202, "HdrS");
  put(0x206, Le(protocol, 2));
  put(0x20E, Le(kVersionAt - 0x200, 2));
  put(0x211, Le(1, 1));
  put(0x236, Le(1, 2));
  put(0x248, Le(kStub, 4));
  put(0x24C, Le(payload.size(), 4));
  put(kVersionAt, std::string(release) + " (kiln@test) #1 SMP" + std::string(1, '\0'));
  out += payload;
  out.append(64, '\0');
  return out;
}

inline std::string TinyBzImage(std::string_view release, bool pvh = true) {
  return BzImageAround(GzipBytes(TinyVmlinux(release, pvh)), release);
}

}  // namespace kiln::testing_support
