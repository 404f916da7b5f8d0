#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::testing_support {

inline std::string Le(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

inline std::string ElfNote(std::string_view name, uint32_t type, std::string_view description) {
  const auto padded = [](std::string text) { return text.append((4 - text.size() % 4) % 4, '\0'); };
  std::string named(name);
  named.push_back('\0');
  return Le(named.size(), 4) + Le(description.size(), 4) + Le(type, 4) + padded(named) +
         padded(std::string(description));
}

/// A 64-bit little-endian ELF file with one PT_LOAD segment that holds `content` and a second one, PT_NOTE or
/// of another type, with `notes`.
inline std::string TinyElf(std::string_view content, std::string_view notes, uint16_t machine = 62,
                           uint32_t second = 4) {
  constexpr uint64_t kContentAt = 64 + 2 * 56;
  const auto segment = [](uint32_t type, uint64_t offset, uint64_t address, uint64_t size) {
    return Le(type, 4) + Le(5, 4) + Le(offset, 8) + Le(address, 8) + Le(address, 8) + Le(size, 8) +
           Le(size, 8) + Le(4, 8);
  };
  std::string out(
      "\x7F"
      "ELF\x02\x01\x01",
      7);
  out.append(9, '\0');
  out += Le(2, 2) + Le(machine, 2) + Le(1, 4) + Le(0x1000000, 8) + Le(64, 8) + Le(0, 8) + Le(0, 4) +
         Le(64, 2) + Le(56, 2) + Le(2, 2) + Le(64, 2) + Le(0, 2) + Le(0, 2);
  out += segment(1, kContentAt, 0x1000000, content.size());
  out += segment(second, kContentAt + content.size(), 0x2000000, notes.size());
  out += content;
  out += notes;
  return out;
}

/// A program that asks for that loader.
inline std::string TinyProgram(std::string_view loader) {
  return TinyElf("code", std::string(loader) + '\0', 62, 3);
}

/// A vmlinux that looks bootable by PVH: banner, PVH note, build-id 0102…
inline std::string TinyVmlinux(std::string_view release, bool pvh = true, uint16_t machine = 62) {
  const std::string banner = "code\0Linux version %s (%s)\0" + ("Linux version " + std::string(release)) +
                             " (kiln@test) (gcc 1) #1 SMP\n";
  std::string notes = ElfNote("GNU", 3, std::string("\x01\x02\x03\x04\xFE", 5));
  if (pvh) notes += ElfNote("Xen", 18, Le(0x1000200, 8));
  return TinyElf(banner + std::string(5000, '\x90'), notes, machine);
}

}  // namespace kiln::testing_support
