#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "crash/report.h"
#include "symbolize/log_facts.h"
#include "symbolize/objects.h"
#include "symbolize/sites.h"
#include "symbolize/sources.h"

namespace kiln::symbolize {

struct SymbolizeOptions {
  SourceOptions sources;
  bool any_kernel = false;  ///< Use a vmlinux that is not the log's kernel all the same.
  bool disassemble = true;
};

/// Finds the symbols of reports and writes into them what they say: file and line of every frame of every
/// stack, what was inlined there, the instructions at the place of the crash. It never fails: what could not
/// be done stands in Report::notes. One object serves all reports of a log, or of several.
class Symbolizer {
 public:
  /// All must outlive it.
  Symbolizer(SymbolizeOptions options, ObjectStore& objects, sys::Spawner& spawner)
      : options_(std::move(options)), objects_(objects), sources_(options_.sources, spawner) {}

  /// Opens what the user named, so that a slip is told before anything is read.
  Result<> CheckNamed();
  void Symbolize(crash::Report& report, const LogFacts& facts);

 private:
  /// A kernel or module that fits a report, and where its debug information is.
  struct Choice {
    Object* object = nullptr;
    std::string note;
  };
  struct Target {
    Object* object = nullptr;
    uint64_t start = 0;  ///< Of the function.
    uint64_t address = 0;
    uint64_t lookup = 0;  ///< Within the call for a return address.
    uint64_t size = 0;
    std::string function;
  };
  struct Tally {
    size_t frames = 0;
    size_t found = 0;
    size_t missing = 0;
    size_t resized = 0;
  };

  Choice ChooseKernel(const crash::Report& report, const LogFacts& facts, const std::vector<Site>& sites);
  Choice ChooseModule(const Site& site, std::string_view release);
  Object* WithDebugInfo(Object* object);
  /// By the build-id that a log prints; null when nobody has it.
  Object* OfBuild(const std::string& build_id);
  std::optional<Target> Resolve(const Site& site, Object& object, Tally& tally) const;
  std::optional<uint64_t> KernelOffset(const LogFacts& facts, const std::vector<Site>& sites,
                                       Object& kernel) const;
  void AddInstructions(crash::Report& report, const Target* place);

  SymbolizeOptions options_;
  ObjectStore& objects_;
  Sources sources_;
  std::map<std::string, Choice> modules_;      // By name, release and build-id.
  std::map<std::string, Object*> debug_info_;  // Of the object with that path.
  std::vector<std::string> source_bases_;      // Of the kernel, for its modules too.
};

/// Of the functions of that name, the one that the kernel printed with this size; `exact` tells whether any
/// has it. The kernel counts up to the next symbol, so what a symbol says itself may be less. Nothing when
/// there is no such name.
std::optional<elf::Symbol> PickBySize(const std::vector<elf::Symbol>& symbols, uint64_t size, bool& exact);

/// A module's sections are put one behind another when it is loaded, and the last up to the end of a page:
/// the size that the kernel prints for the last function of a section reaches to what follows there. The
/// first of `symbols`, all of `index`, that is such and shorter than `size`.
std::optional<elf::Symbol> PickLastOfSection(const elf::SymbolIndex& index,
                                             const std::vector<elf::Symbol>& symbols, uint64_t size);

}  // namespace kiln::symbolize
