#include "elf/debug_reader.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/strings.h"
#include "elf/headers.h"
#include "elf/libdw.h"
#include "elf/symbol_index.h"
#include "elf/unit_table.h"
#include "sys/files.h"

namespace kiln::elf {
namespace {

using detail::LibDw;

// More of these are not believed: the largest kernels have a tenth.
constexpr int kMaxSymbols = 8'000'000;
constexpr size_t kMaxUnits = 200'000;
constexpr size_t kMaxEntries = 8'000'000;  // Of one unit.
constexpr size_t kMaxLines = 4'000'000;    // Of one unit.
constexpr size_t kMaxRanges = 20'000;      // Of one entry.
constexpr unsigned kDeepest = 200;

// We look for files of debug information ourselves.
int FindNoDebugInfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word,
                    char**) {
  return -1;
}
int FindNoElf(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) { return -1; }

bool IsCodeSymbol(const GElf_Sym& symbol, std::string_view name) {
  const unsigned type = GELF_ST_TYPE(symbol.st_info);
  if (type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) return false;
  // The kernel leaves out the assembler's own labels and marks.
  return !name.empty() && name[0] != '$' && !name.starts_with(".L") && !name.starts_with("L0");
}

// What stands before the tree's own part of paths. One is told by init/main.c; where other folders hold files
// of the same tree (a build folder beside the sources), by their being named alike.
std::vector<std::string> SourceBases(const std::vector<std::string>& files) {
  constexpr std::string_view kMain = "/init/main.c";
  constexpr size_t kMostBases = 8;
  std::vector<std::string> bases;
  for (const std::string& file : files) {
    if (bases.empty() && file.ends_with(kMain))
      bases.push_back(file.substr(0, file.size() - kMain.size() + 1));
  }
  if (bases.empty()) return bases;
  std::set<std::string_view> folders;
  for (const std::string_view file : files) {
    if (file.starts_with(bases[0])) folders.insert(sys::DirName(file.substr(bases[0].size())));
  }
  for (const std::string_view file : files) {
    const auto covered = [&](const std::string& base) { return file.starts_with(base); };
    if (std::ranges::any_of(bases, covered) || bases.size() >= kMostBases) continue;
    for (size_t at = file.find('/'); at != std::string_view::npos; at = file.find('/', at + 1)) {
      const std::string_view inside = file.substr(at + 1);
      if (inside.find('/') == std::string_view::npos || !folders.contains(sys::DirName(inside))) continue;
      bases.emplace_back(file.substr(0, at + 1));
      break;
    }
  }
  return bases;
}

}  // namespace

struct DebugReader::State {
  LibDw lib;
  sys::Fd file;
  std::string name;
  std::string path;  ///< By which it is opened for what elfutils does not read.
  Dwfl_Callbacks callbacks{};
  Dwfl* dwfl = nullptr;
  Dwfl_Module* module = nullptr;
  Elf* elf = nullptr;
  Dwarf* dwarf = nullptr;
  Dwarf_Addr bias = 0;
  std::string no_dwarf;

  ~State() {
    if (dwfl != nullptr) lib.dwfl_end(dwfl);
  }

  Result<> Start();
  Result<> CheckWhole(uint64_t size) const;
  ObjectFacts Facts();
  std::vector<std::pair<SymbolIndex::SymbolRow, std::string>> Symbols();
  std::vector<SymbolIndex::RangeRow> UnitRanges(std::vector<std::string>& source_bases);
  std::string NameOf(Dwarf_Die& die) const {
    const char* text = lib.dwarf_diename(&die);
    return text == nullptr ? std::string() : std::string(text);
  }
  std::string TextOf(Dwarf_Die& die, unsigned attribute) const {
    Dwarf_Attribute place{};
    const char* text = lib.dwarf_formstring(lib.dwarf_attr(&die, attribute, &place));
    return text == nullptr ? std::string() : std::string(text);
  }
  uint64_t NumberOf(Dwarf_Die& die, unsigned attribute) const {
    Dwarf_Attribute place{};
    Dwarf_Word value = 0;
    return lib.dwarf_formudata(lib.dwarf_attr(&die, attribute, &place), &value) == 0 ? value : 0;
  }
  /// The pieces of code of an entry; those that cannot be are left out.
  std::vector<std::pair<uint64_t, uint64_t>> RangesOf(Dwarf_Die& die) const {
    std::vector<std::pair<uint64_t, uint64_t>> out;
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    for (ptrdiff_t at = 0; out.size() < kMaxRanges;) {
      at = lib.dwarf_ranges(&die, at, &base, &low, &high);
      if (at <= 0) break;
      if (low < high) out.emplace_back(low + bias, high + bias);
    }
    return out;
  }
};

Result<> DebugReader::State::Start() {
  const auto failed = [&](std::string_view what) {
    const char* why = lib.dwfl_errmsg(-1);
    return MakeError(ErrorCode::kCorrupt, "{}: {}: {}", Printable(name), what,
                     Printable(why == nullptr ? "no reason given" : why));
  };
  callbacks.find_elf = FindNoElf;
  callbacks.find_debuginfo = FindNoDebugInfo;
  callbacks.section_address = lib.dwfl_offline_section_address;
  dwfl = lib.dwfl_begin(&callbacks);
  if (dwfl == nullptr) return failed("elfutils cannot start");
  // It takes the descriptor for its own when it succeeds.
  sys::Fd copy = KILN_TRY(sys::Duplicate(file.get()));
  module = lib.dwfl_report_offline(dwfl, "object", name.c_str(), copy.get());
  if (module == nullptr) return failed("elfutils cannot read it");
  (void)copy.Release();
  lib.dwfl_report_end(dwfl, nullptr, nullptr);
  GElf_Addr elf_bias = 0;
  elf = lib.dwfl_module_getelf(module, &elf_bias);
  if (elf == nullptr) return failed("elfutils cannot read it");
  dwarf = lib.dwfl_module_getdwarf(module, &bias);
  if (dwarf == nullptr) {
    const char* why = lib.dwfl_errmsg(-1);
    no_dwarf = why == nullptr ? "it has none" : why;
  }
  return {};
}

// elfutils makes do with what is left of a file that was cut short; what is missing then would seem not to
// exist.
Result<> DebugReader::State::CheckWhole(uint64_t size) const {
  const auto cut = [&](uint64_t end) {
    return MakeError(ErrorCode::kCorrupt,
                     "{} is cut short: it has {} bytes, and its parts reach up to byte {}", Printable(name),
                     size, end)
        .Hint("copy or build it again");
  };
  GElf_Ehdr header{};
  if (lib.gelf_getehdr(elf, &header) == nullptr) return {};
  const uint64_t table = uint64_t{std::max<uint16_t>(header.e_shnum, 1)} * header.e_shentsize;
  if (header.e_shoff != 0 && (header.e_shoff > size || table > size - header.e_shoff))
    return cut(header.e_shoff + table);
  for (Elf_Scn* section = nullptr; (section = lib.elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr one{};
    if (lib.gelf_getshdr(section, &one) == nullptr || one.sh_type == SHT_NOBITS || one.sh_type == SHT_NULL)
      continue;
    if (one.sh_offset > size || one.sh_size > size - one.sh_offset) return cut(one.sh_offset + one.sh_size);
  }
  return {};
}

ObjectFacts DebugReader::State::Facts() {
  ObjectFacts facts;
  GElf_Ehdr header{};
  if (lib.gelf_getehdr(elf, &header) != nullptr) {
    facts.machine = header.e_machine;
    facts.is_64bit = header.e_ident[EI_CLASS] == ELFCLASS64;
    facts.is_little_endian = header.e_ident[EI_DATA] == ELFDATA2LSB;
    facts.is_relocatable = header.e_type == ET_REL;
  }
  const unsigned char* bits = nullptr;
  GElf_Addr where = 0;
  const int count = lib.dwfl_module_build_id(module, &bits, &where);
  if (count > 0 && count <= 64)
    facts.build_id = Hex({reinterpret_cast<const char*>(bits), static_cast<size_t>(count)});
  GElf_Word checksum = 0;
  if (const char* link = lib.dwelf_elf_gnu_debuglink(elf, &checksum); link != nullptr)
    facts.debug_link = std::string_view(link).substr(0, 255);
  facts.has_debug_info = dwarf != nullptr;
  facts.no_debug_info = no_dwarf;
  if (const auto source = FileSource::Open(path); source && !facts.is_relocatable) {
    if (const auto headers = ReadHeaders(*source)) {
      if (const auto banner = FindLinuxBanner(*source, *headers); banner && *banner) facts.banner = **banner;
    }
  }
  return facts;
}

std::vector<std::pair<SymbolIndex::SymbolRow, std::string>> DebugReader::State::Symbols() {
  std::vector<std::pair<SymbolIndex::SymbolRow, std::string>> out;
  const int count = std::min(lib.dwfl_module_getsymtab(module), kMaxSymbols);
  std::map<GElf_Word, std::optional<std::pair<uint64_t, uint64_t>>> sections;
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    GElf_Addr address = 0;
    GElf_Word section = 0;
    const char* text = lib.dwfl_module_getsym_info(module, i, &symbol, &address, &section, nullptr, nullptr);
    if (text == nullptr || !IsCodeSymbol(symbol, text) || section == SHN_UNDEF || section == SHN_ABS)
      continue;
    auto known = sections.find(section);
    if (known == sections.end()) {
      GElf_Shdr header{};
      Elf_Scn* found = lib.elf_getscn(elf, section);
      known = sections.emplace(section, std::nullopt).first;
      if (found != nullptr && lib.gelf_getshdr(found, &header) != nullptr &&
          (header.sh_flags & SHF_EXECINSTR) != 0)
        known->second.emplace(header.sh_addr, header.sh_addr + header.sh_size);
    }
    if (!known->second) continue;
    out.push_back({{.address = address,
                    .size = static_cast<uint32_t>(std::min<uint64_t>(symbol.st_size, UINT32_MAX)),
                    .extent = 0,
                    .name = 0,
                    .section = section},
                   text});
  }
  std::ranges::sort(out, {}, [](const auto& one) { return one.first.address; });
  uint64_t next = 0;
  for (size_t i = out.size(); i-- > 0;) {
    auto& row = out[i].first;
    const bool last = i + 1 == out.size() || out[i + 1].first.section != row.section;
    if (last) {
      next = sections[row.section]->second;
    } else if (out[i + 1].first.address != row.address) {
      next = out[i + 1].first.address;
    }
    row.extent =
        static_cast<uint32_t>(std::min<uint64_t>(next > row.address ? next - row.address : 0, UINT32_MAX));
  }
  return out;
}

std::vector<SymbolIndex::RangeRow> DebugReader::State::UnitRanges(std::vector<std::string>& source_bases) {
  std::vector<SymbolIndex::RangeRow> out;
  if (dwarf == nullptr) return out;
  std::vector<std::string> files;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die{};
  Dwarf_Die split{};
  uint8_t type = 0;
  for (size_t seen = 0; seen < kMaxUnits; ++seen) {
    if (lib.dwarf_get_units(dwarf, unit, &unit, nullptr, &type, &die, &split) != 0) break;
    if (type != DW_UT_compile && type != DW_UT_skeleton) continue;
    const uint64_t offset = lib.dwarf_dieoffset(&die);
    const auto ranges = RangesOf(die);
    for (const auto& [low, high] : ranges) out.push_back({.low = low, .high = high, .unit = offset});
    if (!ranges.empty())
      files.push_back(sys::AbsolutePath(NameOf(die), sys::JoinPath("/", TextOf(die, DW_AT_comp_dir))));
  }
  source_bases = SourceBases(files);
  return out;
}

namespace {

/// Gathers what UnitTable needs of one unit.
class UnitWalk {
 public:
  UnitWalk(const LibDw& lib, Dwarf_Addr bias) : lib_(lib), bias_(bias) {}

  struct Line {
    uint64_t address;
    uint32_t file;
    uint32_t line;
    bool end;
  };
  struct Scope {
    uint64_t low;
    uint64_t high;
    UnitTable::ScopeRow row;
  };

  void ReadLines(Dwarf_Die& unit) {
    Dwarf_Lines* lines = nullptr;
    size_t count = 0;
    if (lib_.dwarf_getsrclines(&unit, &lines, &count) != 0) return;
    std::map<const char*, uint32_t> known;
    for (size_t i = 0; i < std::min(count, kMaxLines); ++i) {
      Dwarf_Line* line = lib_.dwarf_onesrcline(lines, i);
      Dwarf_Addr address = 0;
      int number = 0;
      bool end = false;
      if (line == nullptr || lib_.dwarf_lineaddr(line, &address) != 0 ||
          lib_.dwarf_lineno(line, &number) != 0 || lib_.dwarf_lineendsequence(line, &end) != 0)
        continue;
      const char* file = lib_.dwarf_linesrc(line, nullptr, nullptr);
      Line row{.address = address + bias_,
               .file = UnitTable::kNoText,
               .line = end || number < 0 ? 0 : static_cast<uint32_t>(number),
               .end = end};
      if (!end && file != nullptr) {
        const auto [place, fresh] = known.emplace(file, 0);
        if (fresh) place->second = texts_.Add(file);
        row.file = place->second;
      }
      Add(row);
    }
  }

  void ReadScopes(Dwarf_Die& unit,
                  const std::function<std::vector<std::pair<uint64_t, uint64_t>>(Dwarf_Die&)>& ranges) {
    ranges_ = &ranges;
    if (lib_.dwarf_getsrcfiles(&unit, &files_, &file_count_) != 0) files_ = nullptr;
    Walk(unit, 0, 0, false);
  }

  std::string Take() && {
    uint64_t base = UINT64_MAX;
    for (const Line& line : lines_) base = std::min(base, line.address);
    for (const Scope& scope : scopes_) base = std::min(base, scope.low);
    std::vector<UnitTable::LineRow> lines;
    for (const Line& line : lines_) {
      if (line.address - base > UINT32_MAX) continue;
      lines.push_back(
          {.address = static_cast<uint32_t>(line.address - base), .file = line.file, .line = line.line});
    }
    std::vector<UnitTable::ScopeRow> scopes;
    for (Scope& scope : scopes_) {
      if (scope.high - base > UINT32_MAX) continue;
      scope.row.low = static_cast<uint32_t>(scope.low - base);
      scope.row.high = static_cast<uint32_t>(scope.high - base);
      scopes.push_back(scope.row);
    }
    return UnitTable::Build(base, std::move(lines), scopes, std::move(texts_).Take());
  }

 private:
  void Add(const Line& line) {
    if (!lines_.empty()) {
      Line& last = lines_.back();
      if (last.address == line.address) {
        // Of several for one place the last holds; where a run ends and another begins, the one that begins.
        if (!line.end || last.end) last = line;
        return;
      }
      if (last.file == line.file && last.line == line.line && last.end == line.end) return;
    }
    lines_.push_back(line);
  }

  uint32_t FileText(Dwarf_Die& die) {
    Dwarf_Attribute place{};
    Dwarf_Word index = 0;
    if (files_ == nullptr ||
        lib_.dwarf_formudata(lib_.dwarf_attr(&die, DW_AT_call_file, &place), &index) != 0 ||
        index >= file_count_)
      return UnitTable::kNoText;
    const char* file = lib_.dwarf_filesrc(files_, static_cast<size_t>(index), nullptr, nullptr);
    return file == nullptr ? UnitTable::kNoText : texts_.Add(file);
  }

  uint32_t CallLine(Dwarf_Die& die) {
    Dwarf_Attribute place{};
    Dwarf_Word line = 0;
    if (lib_.dwarf_formudata(lib_.dwarf_attr(&die, DW_AT_call_line, &place), &line) != 0) return 0;
    return static_cast<uint32_t>(std::min<Dwarf_Word>(line, UINT32_MAX));
  }

  void AddScopes(Dwarf_Die& die, uint32_t depth, bool inlined) {
    const auto pieces = (*ranges_)(die);
    if (pieces.empty()) return;
    const char* name = lib_.dwarf_diename(&die);
    const UnitTable::ScopeRow row{.low = 0,
                                  .high = 0,
                                  .name = texts_.Add(name == nullptr ? "" : name),
                                  .call_file = inlined ? FileText(die) : UnitTable::kNoText,
                                  .call_line = inlined ? CallLine(die) : 0,
                                  .depth = depth};
    for (const auto& [low, high] : pieces) scopes_.push_back({.low = low, .high = high, .row = row});
  }

  // Over all children of `parent`, without recursing more deeply than a compiler nests.
  void Walk(Dwarf_Die& parent, uint32_t depth, unsigned level, bool in_function) {
    Dwarf_Die die{};
    if (level > kDeepest || lib_.dwarf_child(&parent, &die) != 0) return;
    while (true) {
      if (++entries_ > kMaxEntries) return;
      const int tag = lib_.dwarf_tag(&die);
      if (tag == DW_TAG_subprogram) {
        const size_t before = scopes_.size();
        AddScopes(die, 0, false);
        if (scopes_.size() > before) Walk(die, 1, level + 1, true);
      } else if (in_function && tag == DW_TAG_inlined_subroutine) {
        AddScopes(die, depth, true);
        Walk(die, depth + 1, level + 1, true);
      } else if ((in_function && (tag == DW_TAG_lexical_block || tag == DW_TAG_try_block)) ||
                 tag == DW_TAG_namespace || tag == DW_TAG_module) {
        Walk(die, depth, level + 1, in_function);
      }
      const Dwarf_Off here = lib_.dwarf_dieoffset(&die);
      Dwarf_Die next{};
      // A sibling lies behind; a file that says otherwise would lead in circles.
      if (lib_.dwarf_siblingof(&die, &next) != 0 || lib_.dwarf_dieoffset(&next) <= here) return;
      die = next;
    }
  }

  const LibDw& lib_;
  Dwarf_Addr bias_;
  TextPool texts_;
  std::vector<Line> lines_;
  std::vector<Scope> scopes_;
  Dwarf_Files* files_ = nullptr;
  size_t file_count_ = 0;
  size_t entries_ = 0;
  const std::function<std::vector<std::pair<uint64_t, uint64_t>>(Dwarf_Die&)>* ranges_ = nullptr;
};

}  // namespace

DebugReader::DebugReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
DebugReader::DebugReader(DebugReader&&) noexcept = default;
DebugReader& DebugReader::operator=(DebugReader&&) noexcept = default;
DebugReader::~DebugReader() = default;

Result<DebugReader> DebugReader::Open(sys::Fd file, const std::string& name) {
  auto state = std::make_unique<State>();
  state->path = fmt::format("/proc/self/fd/{}", file.get());
  state->name = name;
  state->file = std::move(file);
  const FileSource source = KILN_TRY(FileSource::Open(state->path), "{}", Printable(name));
  const auto begin = KILN_TRY(source.Read(0, std::min<uint64_t>(source.Size(), 4)), "{}", Printable(name));
  if (!IsElf(begin)) return MakeError(ErrorCode::kCorrupt, "{} is no ELF file", Printable(name));
  state->lib = KILN_TRY(detail::LoadLibDw());
  KILN_TRY(state->Start());
  KILN_TRY(state->CheckWhole(source.Size()));
  return DebugReader(std::move(state));
}

Result<std::string> DebugReader::BuildIndex() {
  ObjectFacts facts = state_->Facts();
  auto ranges = state_->UnitRanges(facts.source_bases);
  if (facts.has_debug_info && ranges.empty()) {
    facts.has_debug_info = false;
    facts.no_debug_info = "its debug information describes no code";
  }
  return SymbolIndex::Build(facts, state_->Symbols(), std::move(ranges));
}

Result<std::string> DebugReader::DecodeUnit(uint64_t unit) {
  if (state_->dwarf == nullptr)
    return MakeError(ErrorCode::kNotFound, "{} has no debug information: {}", Printable(state_->name),
                     Printable(state_->no_dwarf));
  Dwarf_Die die{};
  if (state_->lib.dwarf_offdie(state_->dwarf, unit, &die) == nullptr ||
      state_->lib.dwarf_tag(&die) != DW_TAG_compile_unit)
    return MakeError(ErrorCode::kCorrupt, "{}: there is no unit at {:#x} in its debug information",
                     Printable(state_->name), unit);
  UnitWalk walk(state_->lib, state_->bias);
  walk.ReadLines(die);
  walk.ReadScopes(die, [this](Dwarf_Die& entry) { return state_->RangesOf(entry); });
  return std::move(walk).Take();
}

}  // namespace kiln::elf
