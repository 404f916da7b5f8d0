#include "run/identity.h"

#include <fmt/format.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

namespace kiln::run {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// RFC 9562, version 4: all random but the version and the variant.
std::string Uuid(std::string bytes) {
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = Hex(bytes);
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace

Identity MakeIdentity(std::string_view random, std::string_view hostname) {
  KILN_CHECK(random.size() >= 32, "{} random bytes are too few", random.size());
  const std::string machine_id = Hex(random.substr(0, 16));
  const std::string card = Hex(random.substr(28, 3));
  return {.hostname = hostname.empty() ? "kiln-" + machine_id.substr(0, 6) : std::string(hostname),
          .machine_id = machine_id + "\n",
          .mac = fmt::format("52:54:00:{}:{}:{}", card.substr(0, 2), card.substr(2, 2), card.substr(4, 2)),
          .generation_id = Uuid(std::string(random.substr(12, 16)))};
}

void ForgetIdentity(machine::Machine& machine) {
  machine.network.mac.clear();
  if (machine.generation_id) machine.generation_id = "00000000-0000-0000-0000-000000000000";
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  size_t have = 0;
  while (have < count) {
    const ssize_t got = ::getrandom(bytes.data() + have, count - have, 0);
    KILN_CHECK(got > 0, "the host gives no random bytes");
    have += static_cast<size_t>(got);
  }
  return bytes;
}

uint64_t RandomNumber() {
  uint64_t number = 0;
  const std::string bytes = RandomBytes(sizeof number);
  ::memcpy(&number, bytes.data(), bytes.size());
  return number | 1;
}

}  // namespace kiln::run
