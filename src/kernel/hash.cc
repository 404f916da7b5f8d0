#include "kernel/hash.h"

#include <fcntl.h>
#include <xxhash.h>

#include <memory>

#include "base/strings.h"
#include "sys/fd.h"

namespace kiln::kernel {
namespace {

std::string Text(const XXH128_hash_t& hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

}  // namespace

std::string ContentHash(std::string_view bytes) { return Text(XXH3_128bits(bytes.data(), bytes.size())); }

Result<std::string> HashFile(const std::string& path) {
  const sys::Fd fd = KILN_TRY(sys::Open(path, O_RDONLY));
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  KILN_CHECK(state != nullptr);
  XXH3_128bits_reset(state.get());
  std::string buffer(1U << 20, '\0');
  while (true) {
    const size_t got =
        KILN_TRY(sys::ReadSome(fd.get(), buffer.data(), buffer.size()), "reading {}", Printable(path));
    if (got == 0) return Text(XXH3_128bits_digest(state.get()));
    XXH3_128bits_update(state.get(), buffer.data(), got);
  }
}

}  // namespace kiln::kernel
