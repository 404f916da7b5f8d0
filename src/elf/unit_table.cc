#include "elf/unit_table.h"

#include <algorithm>

namespace kiln::elf {
namespace {

constexpr uint64_t kTableMagic = 0x0165'6c62'6174'6e75U;
constexpr uint64_t kUnitsMagic = 0x0173'7469'6e75'6e6bU;

struct Place {
  uint64_t unit;
  uint64_t offset;
  uint64_t size;
};

}  // namespace

std::string UnitTable::Build(uint64_t base, std::vector<LineRow> lines, const std::vector<ScopeRow>& scopes,
                             std::string texts) {
  std::ranges::stable_sort(lines, {}, &LineRow::address);
  return Pack(kTableMagic,
              {RowBytes(std::vector<uint64_t>{base}), RowBytes(lines), RowBytes(scopes), std::move(texts)});
}

Result<UnitTable> UnitTable::Open(std::string_view bytes) {
  const auto sections = KILN_TRY(Unpack(bytes, kTableMagic, 4));
  const Rows<uint64_t> base(sections[0]);
  if (base.size() != 1) return MakeError(ErrorCode::kCorrupt, "the cached index is not usable: no base");
  UnitTable table;
  table.base_ = base[0];
  table.lines_ = Rows<LineRow>(sections[1]);
  table.scopes_ = Rows<ScopeRow>(sections[2]);
  table.texts_ = sections[3];
  return table;
}

std::vector<SourceFrame> UnitTable::At(uint64_t address) const {
  constexpr size_t kDeepest = 64;
  if (address < base_ || address - base_ > UINT32_MAX) return {};
  const auto at = static_cast<uint32_t>(address - base_);
  std::vector<ScopeRow> around;
  for (size_t i = 0; i < scopes_.size() && around.size() < kDeepest; ++i) {
    const ScopeRow row = scopes_[i];
    if (at >= row.low && at < row.high) around.push_back(row);
  }
  std::ranges::stable_sort(around, std::ranges::greater{}, &ScopeRow::depth);
  const size_t next = lines_.LowerBound([&](const LineRow& row) { return row.address <= at; });
  SourceFrame here;
  if (next > 0) {
    const LineRow row = lines_[next - 1];
    here.file = TextAt(texts_, row.file);
    here.line = row.line;
  }
  std::vector<SourceFrame> frames;
  for (const ScopeRow& scope : around) {
    here.function = TextAt(texts_, scope.name);
    frames.push_back(here);
    here.file = TextAt(texts_, scope.call_file);
    here.line = scope.call_line;
  }
  if (frames.empty() && here.line != 0) frames.push_back(here);
  return frames;
}

std::string PackUnits(const std::vector<std::pair<uint64_t, std::string_view>>& tables) {
  std::vector<Place> places;
  std::string bytes;
  for (const auto& [unit, table] : tables) {
    places.push_back({.unit = unit, .offset = bytes.size(), .size = table.size()});
    bytes += table;
  }
  return Pack(kUnitsMagic, {RowBytes(places), std::move(bytes)});
}

Result<std::vector<std::pair<uint64_t, std::string_view>>> UnpackUnits(std::string_view bytes) {
  const auto sections = KILN_TRY(Unpack(bytes, kUnitsMagic, 2));
  const Rows<Place> places(sections[0]);
  std::vector<std::pair<uint64_t, std::string_view>> out;
  for (size_t i = 0; i < places.size(); ++i) {
    const Place place = places[i];
    if (place.offset > sections[1].size() || place.size > sections[1].size() - place.offset)
      return MakeError(ErrorCode::kCorrupt, "the cached index is not usable: a unit reaches past its end");
    out.emplace_back(place.unit,
                     sections[1].substr(static_cast<size_t>(place.offset), static_cast<size_t>(place.size)));
  }
  return out;
}

}  // namespace kiln::elf
