#include "elf/symbol_index.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/strings.h"

namespace kiln::elf {
namespace {

constexpr uint64_t kMagic = 0x0131'7865'646e'6c6bU;  // "klndex1\1"; the last byte is the version.
constexpr size_t kSections = 5;

std::string FactsText(const ObjectFacts& facts) {
  const auto line = [](std::string_view key, std::string_view value) {
    return fmt::format("{} {}\n", key, ReplaceAll(value, "\n", " "));
  };
  std::string bases;
  for (const std::string& base : facts.source_bases) bases += line("source-base", base);
  return line("build-id", facts.build_id) + line("banner", facts.banner) +
         line("machine", fmt::to_string(facts.machine)) + line("64bit", facts.is_64bit ? "1" : "0") +
         line("little-endian", facts.is_little_endian ? "1" : "0") +
         line("relocatable", facts.is_relocatable ? "1" : "0") +
         line("debug-info", facts.has_debug_info ? "1" : "0") + line("no-debug-info", facts.no_debug_info) +
         line("debug-link", facts.debug_link) + bases;
}

ObjectFacts ParseFacts(std::string_view text) {
  ObjectFacts facts;
  for (const std::string_view line : SplitLines(text)) {
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = line.substr(blank + 1);
    if (key == "build-id") facts.build_id = value;
    if (key == "banner") facts.banner = value;
    if (key == "machine") facts.machine = static_cast<uint16_t>(ParseUnsigned(value).value_or(0));
    if (key == "64bit") facts.is_64bit = value == "1";
    if (key == "little-endian") facts.is_little_endian = value == "1";
    if (key == "relocatable") facts.is_relocatable = value == "1";
    if (key == "debug-info") facts.has_debug_info = value == "1";
    if (key == "no-debug-info") facts.no_debug_info = value;
    if (key == "debug-link") facts.debug_link = value;
    if (key == "source-base") facts.source_bases.emplace_back(value);
  }
  return facts;
}

}  // namespace

std::string SymbolIndex::Build(const ObjectFacts& facts,
                               std::vector<std::pair<SymbolRow, std::string>> symbols,
                               std::vector<RangeRow> ranges) {
  std::ranges::sort(symbols, [](const auto& left, const auto& right) {
    return std::tie(left.first.address, left.second) < std::tie(right.first.address, right.second);
  });
  TextPool names;
  std::vector<SymbolRow> rows;
  rows.reserve(symbols.size());
  for (auto& [row, name] : symbols) {
    row.name = names.Add(name);
    rows.push_back(row);
  }
  std::vector<uint32_t> by_name(rows.size());
  std::iota(by_name.begin(), by_name.end(), 0U);
  std::ranges::stable_sort(
      by_name, [&](uint32_t left, uint32_t right) { return symbols[left].second < symbols[right].second; });
  std::ranges::sort(ranges, [](const RangeRow& left, const RangeRow& right) {
    return std::tie(left.low, left.high) < std::tie(right.low, right.high);
  });
  return Pack(kMagic, {FactsText(facts), RowBytes(rows), RowBytes(by_name), std::move(names).Take(),
                       RowBytes(ranges)});
}

Result<SymbolIndex> SymbolIndex::Open(std::string_view bytes) {
  const auto sections = KILN_TRY(Unpack(bytes, kMagic, kSections));
  SymbolIndex index;
  index.facts_ = ParseFacts(sections[0]);
  index.symbols_ = Rows<SymbolRow>(sections[1]);
  index.by_name_ = Rows<uint32_t>(sections[2]);
  index.names_ = sections[3];
  index.ranges_ = Rows<RangeRow>(sections[4]);
  if (index.by_name_.size() != index.symbols_.size())
    return MakeError(ErrorCode::kCorrupt, "the cached index is not usable: it has {} names for {} symbols",
                     index.by_name_.size(), index.symbols_.size());
  return index;
}

Symbol SymbolIndex::Get(size_t i) const {
  const SymbolRow row = symbols_[i];
  return {.address = row.address,
          .size = row.size,
          .extent = row.extent,
          .section = row.section,
          .name = TextAt(names_, row.name)};
}

std::vector<Symbol> SymbolIndex::Named(std::string_view name) const {
  constexpr size_t kMost = 256;
  std::vector<Symbol> exact;
  std::vector<Symbol> longer;
  const auto name_of = [&](uint32_t i) {
    return i < symbols_.size() ? TextAt(names_, symbols_[i].name) : std::string_view();
  };
  for (size_t i = by_name_.LowerBound([&](uint32_t row) { return name_of(row) < name; }); i < by_name_.size();
       ++i) {
    const uint32_t row = by_name_[i];
    const std::string_view found = name_of(row);
    if (row >= symbols_.size() || !found.starts_with(name) || exact.size() + longer.size() >= kMost) break;
    if (found == name)
      exact.push_back(Get(row));
    else if (found[name.size()] == '.')
      longer.push_back(Get(row));
    else if (found[name.size()] > '.')
      break;
  }
  return exact.empty() ? longer : exact;
}

std::optional<Symbol> SymbolIndex::At(uint64_t address) const {
  size_t i = symbols_.LowerBound([&](const SymbolRow& row) { return row.address <= address; });
  if (i == 0) return std::nullopt;
  // Of several names for the place, the one that says its size.
  const uint64_t start = symbols_[--i].address;
  std::optional<Symbol> best;
  for (size_t tries = 0; tries < 32; ++tries) {
    const Symbol symbol = Get(i);
    if (symbol.address != start) break;
    if (address - start < std::max(symbol.extent, symbol.size) && (!best || best->size < symbol.size))
      best = symbol;
    if (i-- == 0) break;
  }
  return best;
}

std::optional<uint64_t> SymbolIndex::UnitAt(uint64_t address) const {
  size_t i = ranges_.LowerBound([&](const RangeRow& row) { return row.low <= address; });
  for (size_t tries = 0; i > 0 && tries < 32; ++tries) {
    const RangeRow row = ranges_[--i];
    if (address >= row.low && address < row.high) return row.unit;
  }
  return std::nullopt;
}

}  // namespace kiln::elf
