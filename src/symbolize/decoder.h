#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/process.h"

namespace kiln::symbolize {

/// Where the content of ELF files is taken out of them.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// The bytes for elf::SymbolIndex of a file. Errors name it.
  virtual Result<std::string> Index(const std::string& path) = 0;
  /// The bytes for elf::UnpackUnits of these units; a unit that cannot be read is left out.
  virtual Result<std::string> Units(const std::string& path, const std::vector<uint64_t>& units) = 0;
};

/// In this process.
class DirectDecoder final : public Decoder {
 public:
  Result<std::string> Index(const std::string& path) override;
  Result<std::string> Units(const std::string& path, const std::vector<uint64_t>& units) override;
};

/// In a child, with limits: a file that was cut short while it is read, or made to harm, ends the child and
/// not us. `program` is kiln with the words that make it call RunDecoder().
class ChildDecoder final : public Decoder {
 public:
  ChildDecoder(sys::Spawner& spawner, std::vector<std::string> program,
               Duration limit = std::chrono::seconds(60))
      : spawner_(spawner), program_(std::move(program)), limit_(limit) {}
  Result<std::string> Index(const std::string& path) override;
  Result<std::string> Units(const std::string& path, const std::vector<uint64_t>& units) override;

 private:
  Result<std::string> Run(const std::vector<std::string>& arguments, const std::string& path);

  sys::Spawner& spawner_;
  std::vector<std::string> program_;
  Duration limit_;
};

/// What the child does: `arguments` are {"index", PATH} or {"units", PATH, OFFSET...}. Limits its own memory,
/// and gives what to write to stdout.
Result<std::string> RunDecoder(const std::vector<std::string>& arguments);

}  // namespace kiln::symbolize
