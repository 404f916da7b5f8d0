#include "symbolize/symbolizer.h"

#include <algorithm>

#include "base/strings.h"
#include "symbolize/disassemble.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

void AddOnce(std::vector<std::string>& list, std::string text) {
  if (!text.empty() && std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

// At the kernel's functions, or behind its version: "6.1.0 #1 <40 digits>" (lib/dump_stack.c).
std::string PrintedBuildId(const std::vector<Site>& sites, std::string_view kernel) {
  for (const Site& site : sites) {
    if (site.module.empty() && !site.build_id.empty()) return site.build_id;
  }
  const size_t blank = kernel.rfind(' ');
  const std::string_view last =
      blank == std::string_view::npos ? std::string_view() : kernel.substr(blank + 1);
  return std::string(last.size() == 40 && IsHex(last) ? last : std::string_view());
}

}  // namespace

std::optional<elf::Symbol> PickBySize(const std::vector<elf::Symbol>& symbols, uint64_t size, bool& exact) {
  exact = false;
  const elf::Symbol* best = nullptr;
  // Padding behind a function counts for the kernel, and for us only up to the next symbol that we know.
  constexpr uint64_t kPadding = 64;
  uint64_t best_rank = UINT64_MAX;  // 0 is best; behind kPadding, no size fits.
  for (const elf::Symbol& symbol : symbols) {
    uint64_t rank = kPadding + 2;
    if (size != 0 && symbol.extent == size)
      rank = 0;
    else if (size != 0 && symbol.size != 0 && symbol.size <= size && size - symbol.size < kPadding)
      rank = 1 + size - symbol.size;
    if (rank < best_rank) {
      best_rank = rank;
      best = &symbol;
    }
  }
  if (best == nullptr) return std::nullopt;
  exact = size == 0 || best_rank <= kPadding;
  return *best;
}

std::optional<elf::Symbol> PickLastOfSection(const elf::SymbolIndex& index,
                                             const std::vector<elf::Symbol>& symbols, uint64_t size) {
  for (const elf::Symbol& symbol : symbols) {
    const auto next = index.At(symbol.address + symbol.extent);
    if ((!next || next->section != symbol.section) && size > symbol.extent) return symbol;
  }
  return std::nullopt;
}

Result<> Symbolizer::CheckNamed() {
  if (!options_.sources.vmlinux.empty()) KILN_TRY(objects_.Open(options_.sources.vmlinux));
  for (const std::string& folder : options_.sources.modules) {
    if (!sys::Exists(folder))
      return MakeError(ErrorCode::kNotFound, "{}: no such file or folder", Printable(folder))
          .Hint("--modules takes the folder that holds the .ko files, such as lib/modules/RELEASE or a tree");
  }
  for (const std::string& folder : options_.sources.debug_folders) {
    if (!sys::IsDirectory(folder))
      return MakeError(ErrorCode::kNotFound, "{}: no such folder", Printable(folder))
          .Hint("--debug-dir takes a folder laid out like /usr/lib/debug");
  }
  return {};
}

Object* Symbolizer::WithDebugInfo(Object* object) {
  if (object->facts().has_debug_info) return object;
  const auto [place, fresh] = debug_info_.try_emplace(object->path(), object);
  if (!fresh) return place->second;
  const auto& facts = object->facts();
  auto files = sources_.DebugFiles(object->path(), facts.build_id, facts.debug_link);
  const auto try_file = [&](const std::string& path) {
    const auto other = objects_.Open(path);
    if (!other || !(*other)->facts().has_debug_info || (*other)->facts().build_id != facts.build_id ||
        (*other)->index().size() == 0)
      return false;
    place->second = *other;
    return true;
  };
  for (const std::string& path : files) {
    if (try_file(path)) return place->second;
  }
  if (const std::string path = sources_.Download(facts.build_id); !path.empty()) try_file(path);
  return place->second;
}

Object* Symbolizer::OfBuild(const std::string& build_id) {
  if (build_id.empty()) return nullptr;
  const auto open = [&](const std::string& path) -> Object* {
    const auto object = objects_.Open(path);
    return object && (*object)->facts().build_id == build_id ? *object : nullptr;
  };
  for (const std::string& path : sources_.WithBuildId(build_id)) {
    if (Object* found = open(path)) return found;
  }
  const std::string path = sources_.Download(build_id);
  return path.empty() ? nullptr : open(path);
}

Symbolizer::Choice Symbolizer::ChooseKernel(const crash::Report& report, const LogFacts& facts,
                                            const std::vector<Site>& sites) {
  const std::string build_id = PrintedBuildId(sites, report.kernel);
  const bool named = !options_.sources.vmlinux.empty();
  Choice choice;
  for (const std::string& path : sources_.Kernels(ReleaseOf(facts, report.kernel))) {
    const auto object = objects_.Open(path);
    if (!object) {
      if (named) choice.note = object.error().Text();
      continue;
    }
    const std::string mismatch = KernelMismatch(facts, report.kernel, build_id, (*object)->facts());
    if (mismatch.empty()) {
      Object* const with_lines = WithDebugInfo(*object);
      if (with_lines->index().size() > 0) return {.object = with_lines, .note = {}};
      if (named)
        choice.note = fmt::format(
            "{} has no symbols (it was stripped), so no function is checked: the "
            "vmlinux that a build leaves has them, and so has a debug package",
            Printable(path));
      continue;
    }
    // What was only found, and is another kernel's, is of no interest.
    if (!named && path != sys::JoinPath(options_.sources.tree, "vmlinux")) continue;
    choice.note = fmt::format("{} is not the kernel of this log: {}", Printable(path), mismatch);
    if (!options_.any_kernel) continue;
    choice.note += "; used all the same, so names and lines may be wrong";
    choice.object = WithDebugInfo(*object);
    return choice;
  }
  if (choice.object == nullptr && !named) {
    if (Object* found = OfBuild(build_id)) choice = {.object = found, .note = {}};
  }
  return choice;
}

Symbolizer::Choice Symbolizer::ChooseModule(const Site& site, std::string_view release) {
  const std::string key = fmt::format("{} {} {}", site.module, release, site.build_id);
  if (const auto known = modules_.find(key); known != modules_.end()) return known->second;
  Choice choice;
  const auto files = sources_.Modules(site.module, release);
  for (const std::string& path : files) {
    const auto object = objects_.Open(path);
    if (!object) {
      choice.note = object.error().Text();
      continue;
    }
    const std::string& id = (*object)->facts().build_id;
    if (!site.build_id.empty() && !id.empty() && site.build_id != id) {
      choice.note =
          fmt::format("{} is not the module of this log: the log is of the build {}, the file of {}",
                      Printable(path), Printable(site.build_id), Printable(id));
      if (!options_.any_kernel) continue;
    }
    Object* found = WithDebugInfo(*object);
    // The first that knows lines; without any, the first.
    if (choice.object == nullptr || found->facts().has_debug_info) choice = {.object = found, .note = {}};
    if (found->facts().has_debug_info) break;
  }
  if (choice.object == nullptr) {
    if (Object* found = OfBuild(site.build_id)) choice = {.object = found, .note = {}};
  }
  if (choice.object == nullptr && files.empty())
    choice.note =
        fmt::format("the module {} was not found; --modules DIR names where it is", Printable(site.module));
  modules_[key] = choice;
  return choice;
}

std::optional<Symbolizer::Target> Symbolizer::Resolve(const Site& site, Object& object, Tally& tally) const {
  ++tally.frames;
  bool exact = false;
  const auto named = object.index().Named(site.symbol);
  auto symbol = PickBySize(named, site.size, exact);
  if (symbol && !exact && object.facts().is_relocatable) {
    if (const auto last = PickLastOfSection(object.index(), named, site.size);
        last && site.offset <= last->extent) {
      symbol = last;
      exact = true;
    }
  }
  if (!symbol) {
    ++tally.missing;
    return std::nullopt;
  }
  if (!exact || (site.offset > std::max<uint64_t>({site.size, symbol->extent, symbol->size}))) {
    ++tally.resized;
    if (!options_.any_kernel) return std::nullopt;
  }
  ++tally.found;
  Target target{.object = &object,
                .start = symbol->address,
                .address = symbol->address + site.offset,
                .size = site.size,
                .function = site.symbol};
  // A call's return address is behind it, perhaps on another line, perhaps past the function.
  target.lookup = site.is_pc || site.offset == 0 ? target.address : target.address - 1;
  return target;
}

std::optional<uint64_t> Symbolizer::KernelOffset(const LogFacts& facts, const std::vector<Site>& sites,
                                                 Object& kernel) const {
  // Where name and address stand side by side, they tell; most must agree.
  std::map<uint64_t, size_t> votes;
  for (const Site& site : sites) {
    if (!site.address || site.symbol.empty() || !site.module.empty()) continue;
    bool exact = false;
    const auto symbol = PickBySize(kernel.index().Named(site.symbol), site.size, exact);
    if (symbol && exact) ++votes[*site.address - site.offset - symbol->address];
  }
  const auto best = std::ranges::max_element(votes, {}, [](const auto& one) { return one.second; });
  if (best != votes.end()) return best->first;
  return facts.kernel_offset;
}

void Symbolizer::Symbolize(crash::Report& report, const LogFacts& facts) {
  const std::vector<Site> sites = FindSites(report.text);
  LogFacts known = facts;
  for (const std::string_view line : SplitLines(report.text)) known.Read(line);
  const bool wanted = std::ranges::any_of(sites, [](const Site& site) { return !site.has_source; });
  const Choice kernel = wanted ? ChooseKernel(report, known, sites) : Choice{};
  AddOnce(report.notes, kernel.note);
  if (kernel.object != nullptr) source_bases_ = kernel.object->facts().source_bases;

  Tally tally;
  std::vector<std::optional<Target>> targets(sites.size());
  std::map<Object*, std::vector<uint64_t>> lookups;
  std::optional<uint64_t> offset;
  bool offset_known = false;
  const std::string release = ReleaseOf(known, report.kernel);
  for (size_t i = 0; i < sites.size(); ++i) {
    const Site& site = sites[i];
    if (site.has_source || (kernel.object == nullptr && (site.module.empty() || !wanted))) continue;
    if (site.symbol.empty()) {
      if (!std::exchange(offset_known, true)) offset = KernelOffset(known, sites, *kernel.object);
      const uint64_t address = *site.address - offset.value_or(0);
      const auto symbol = kernel.object->index().At(site.is_pc ? address : address - 1);
      if (!symbol) continue;
      targets[i] = Target{.object = kernel.object,
                          .start = symbol->address,
                          .address = address,
                          .lookup = site.is_pc || address == symbol->address ? address : address - 1,
                          .size = std::max(symbol->extent, symbol->size),
                          .function = std::string(symbol->name)};
    } else {
      Object* object = kernel.object;
      if (!site.module.empty()) {
        const Choice module = ChooseModule(site, release);
        AddOnce(report.notes, module.note);
        object = module.object;
      }
      if (object != nullptr) targets[i] = Resolve(site, *object, tally);
    }
    if (targets[i]) lookups[targets[i]->object].push_back(targets[i]->lookup);
  }
  if (kernel.object == nullptr || !kernel.object->facts().has_debug_info)
    AddOnce(report.notes, sources_.server_trouble());
  // Names and sizes that do not fit tell another kernel even where the log does not say which it is.
  const size_t bad = tally.missing + tally.resized;
  const bool other_kernel = kernel.object != nullptr && bad >= 3 && bad * 2 > tally.frames;
  if (other_kernel && kernel.note.empty()) {
    AddOnce(
        report.notes,
        fmt::format(
            "{} is not the kernel of this log: of {} functions {} are not in it and {} have another size{}",
            Printable(kernel.object->path()), tally.frames, tally.missing, tally.resized,
            options_.any_kernel ? "; used all the same, so names and lines may be wrong" : ""));
  } else if (bad > 0) {
    AddOnce(report.notes, fmt::format("of {} functions {} are not in the symbols and {} have another size",
                                      tally.frames, tally.missing, tally.resized));
  }
  if (other_kernel && !options_.any_kernel) lookups.clear();

  for (auto& [object, addresses] : lookups) {
    AddOnce(report.symbol_files, object->path());
    if (!object->facts().has_debug_info) {
      AddOnce(report.notes,
              fmt::format("{} has no debug information ({}): functions and offsets are checked, "
                          "lines are not known",
                          Printable(object->path()), Printable(object->facts().no_debug_info)));
    } else if (const auto ready = objects_.Prepare(*object, addresses); !ready) {
      AddOnce(report.notes, ready.error().Text());
    }
  }
  std::vector<std::optional<Decoded>> decoded(sites.size());
  const Target* place = nullptr;
  for (size_t i = 0; i < sites.size(); ++i) {
    if (!targets[i] || lookups.empty()) continue;
    const Target& target = *targets[i];
    Decoded what;
    if (sites[i].symbol.empty()) {
      what.function = target.function;
      what.offset = target.address - target.start;
      what.size = target.size;
    }
    what.frames = target.object->SourceAt(target.lookup);
    for (elf::SourceFrame& frame : what.frames) frame.file = TreePath(frame.file, source_bases_);
    if (!what.function.empty() || !what.frames.empty()) decoded[i] = std::move(what);
    if (place == nullptr && sites[i].is_pc) place = &target;
  }
  Annotate(report, sites, decoded);
  if (options_.disassemble) AddInstructions(report, place);
}

void Symbolizer::AddInstructions(crash::Report& report, const Target* place) {
  if (report.code.empty() || !report.instructions.empty()) return;
  const elf::ObjectFacts* facts = place == nullptr ? nullptr : &place->object->facts();
  const auto code = ReadCodeBytes(report.code, facts == nullptr || facts->is_little_endian);
  if (!code) return;
  DisassembleOptions options;
  options.machine = facts == nullptr ? MachineOf(report)
                                     : MachineOf(facts->machine, facts->is_64bit, facts->is_little_endian);
  if (options.machine == Machine::kUnknown) return;
  if (place != nullptr) {
    const Object* object = place->object;
    const auto home = object->index().At(place->address);
    options.address = place->address;
    options.function_start = place->start;
    options.name = [=](uint64_t target) -> std::string {
      const auto symbol = object->index().At(target);
      // A module's calls to elsewhere were bound when it was loaded: what the bytes say is not where they go.
      const bool foreign =
          object->facts().is_relocatable && (!home || !symbol || symbol->section != home->section);
      if (!symbol || foreign) return {};
      if (target == symbol->address) return std::string(symbol->name);
      return fmt::format("{}+{:#x}", symbol->name, target - symbol->address);
    };
    options.source = [this, object](uint64_t address) -> std::string {
      const auto frames = object->SourceAt(address);
      if (frames.empty() || frames[0].line == 0) return {};
      return fmt::format("{}:{}", TreePath(frames[0].file, source_bases_), frames[0].line);
    };
  } else {
    // Without symbols, addresses count from the start of the function that the log names.
    const auto sites = FindSites(report.text);
    const auto site = std::ranges::find_if(sites, [](const Site& one) { return one.is_pc; });
    if (site != sites.end() && !site->symbol.empty()) {
      options.address = site->offset;
      options.function_start = 0;
      options.name = [name = site->symbol, size = site->size](uint64_t target) {
        return target < size ? fmt::format("{}+{:#x}", name, target) : std::string();
      };
    }
  }
  auto instructions = Disassemble(*code, options);
  if (instructions) {
    report.instructions = *std::move(instructions);
  } else if (instructions.error().code() == ErrorCode::kNotFound) {
    AddOnce(report.notes, instructions.error().Text());
  }
}

}  // namespace kiln::symbolize
