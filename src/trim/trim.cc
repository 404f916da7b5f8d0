#include "trim/trim.h"

#include <string.h>

#include "cpp/bytes.h"

namespace kiln::trim {
namespace {

constexpr int kDepth = 6;
// As gcc -E does: a few empty lines instead of a marker.
constexpr uint32_t kMostEmptyLines = 8;

/// Gives each name the digest of what headers declare by it.
void GatherDigests(Unit& unit, const uint64_t* digests) {
  for (uint32_t i = 0; i < unit.names.size(); ++i) {
    Name& name = unit.names[i];
    for (int space = 0; space < kSpaces; ++space) {
      name.digest[space] = 0;
      for (uint32_t at = name.declared[space]; at != 0; at = unit.links[at].before) {
        if (unit.links[at].is_forward) continue;
        const uint32_t by = unit.links[at].declaration;
        name.first[space] = by;
        if (unit.files[unit.declarations[by].at.file].is_header) name.digest[space] += digests[by];
      }
    }
  }
}

/// Gives each declaration of a header the digest of itself and of what it needs.
void SpreadDigests(Unit& unit, uint64_t seed, uint64_t* digests) {
  const size_t count = unit.declarations.size();
  for (size_t i = 0; i < count; ++i) digests[i] = cpp::Mixed(unit.declarations[i].digest + seed);
  for (int depth = 0; depth < kDepth; ++depth) {
    GatherDigests(unit, digests);
    for (size_t i = 0; i < count; ++i) {
      const Declaration& declaration = unit.declarations[i];
      uint64_t sum = 0;
      for (uint32_t at = declaration.mentions; at < declaration.mentions_end; ++at) {
        const Mention mention = unit.mentions[at];
        if (mention.is_pointer && !declaration.is_function) continue;
        const Name& name = unit.names[mention.name];
        // What only comes later is another thing: mostly a mistake.
        const bool is_late = name.digest[mention.space] != 0 && name.first[mention.space] > i;
        sum += is_late ? cpp::Mixed(name.digest[mention.space]) : name.digest[mention.space];
      }
      digests[i] = cpp::Mixed(cpp::Mixed(declaration.digest + seed) + sum);
    }
  }
}

/// Marks all that is needed by what is needed.
bool Follow(Unit& unit) {
  cpp::Stretch<uint32_t> waiting;
  if (!waiting.Reserve(unit.declarations.size())) return false;
  for (size_t i = 0; i < unit.declarations.size(); ++i)
    if (unit.declarations[i].needed) waiting.Add(static_cast<uint32_t>(i));
  while (!waiting.empty()) {
    const Declaration& declaration = unit.declarations[waiting.back()];
    waiting.RemoveLast();
    for (uint32_t at = declaration.mentions; at < declaration.mentions_end; ++at) {
      const Mention mention = unit.mentions[at];
      Name& name = unit.names[mention.name];
      if (name.needed[mention.space]) continue;
      name.needed[mention.space] = true;
      for (uint32_t link = name.declared[mention.space]; link != 0; link = unit.links[link].before) {
        const uint32_t by = unit.links[link].declaration;
        if (unit.declarations[by].needed) continue;
        unit.declarations[by].needed = true;
        waiting.Add(by);
      }
    }
  }
  return true;
}

class Writer {
 public:
  Writer(const Unit& unit, cpp::Stretch<char>& out) : unit_(unit), out_(out) {}

  bool Write() {
    const File& compiled = unit_.files[0];
    // The name of what is compiled, which the object file tells.
    if (!Text("# 0 ", 4) || !Text(compiled.name, compiled.size) || !Text("\n", 1)) return false;
    for (const Declaration& declaration : unit_.declarations)
      if (declaration.needed && !One(declaration)) return false;
    return Text("\n", 1);
  }

 private:
  bool Text(const char* text, size_t size) {
    char* at = out_.AddRoom(size);
    if (at == nullptr) return false;
    memcpy(at, text, size);
    return true;
  }

  bool Marker(Place place) {
    const cpp::Decimal line(place.line);
    const File& file = unit_.files[place.file];
    return Text("# ", 2) && Text(line.text(), line.size()) && Text(" ", 1) && Text(file.name, file.size) &&
           (!file.is_system || Text(" 3", 2)) && Text("\n", 1);
  }

  bool MoveTo(Place place) {
    if (place.file == at_.file && place.line >= at_.line && place.line - at_.line <= kMostEmptyLines) {
      if (place.line > at_.line) in_line_ = false;
      for (; at_.line < place.line; ++at_.line)
        if (!Text("\n", 1)) return false;
      return true;
    }
    if (in_line_ && !Text("\n", 1)) return false;
    in_line_ = false;
    return Marker(place);
  }

  bool One(const Declaration& declaration) {
    if (!MoveTo(declaration.at)) return false;
    const char* text = unit_.text + declaration.begin;
    const uint32_t size = declaration.end - declaration.begin;
    uint32_t column = 0;
    while (!in_line_ && column < declaration.begin && text[-1 - static_cast<ptrdiff_t>(column)] != '\n')
      ++column;
    // Others may stand before it on its line.
    const uint32_t blanks = in_line_ ? 1 : column;
    char* room = out_.AddRoom(blanks);
    if (room == nullptr) return false;
    memset(room, ' ', blanks);
    if (!Text(text, size)) return false;
    in_line_ = true;
    at_ = EndOf(declaration);
    return true;
  }

  // It may have line markers within.
  Place EndOf(const Declaration& declaration) {
    Place place = declaration.at;
    const char* text = unit_.text;
    for (uint32_t i = declaration.begin; i < declaration.end; ++i) {
      if (text[i] != '\n') continue;
      ++place.line;
      if (i + 1 < declaration.end && text[i + 1] == '#') return {kNowhere, 0};
    }
    return place;
  }

  static constexpr uint32_t kNowhere = UINT32_MAX;

  const Unit& unit_;
  cpp::Stretch<char>& out_;
  Place at_ = {kNowhere, 0};
  bool in_line_ = false;
};

}  // namespace

bool Trim(const char* text, size_t size, uint64_t seed, const Known& known, Trimmed& trimmed) {
  Unit unit;
  cpp::Stretch<uint64_t> digests;
  if (!ReadDeclarations(text, size, unit)) return false;
  const size_t count = unit.declarations.size();
  // Where nothing is known the markers are more than they were.
  if (!digests.Reserve(count) || !trimmed.checked.Reserve(count) || !trimmed.text.Reserve(MostTrimmed(size)))
    return false;
  digests.AddRoom(count);
  SpreadDigests(unit, seed, digests.begin());
  for (size_t i = 0; i < count; ++i) {
    Declaration& declaration = unit.declarations[i];
    if (declaration.is_helper && unit.names[declaration.helper].used < 2) declaration.needed = true;
    if (!declaration.needed && !known.Has(digests[i])) declaration.needed = true;
  }
  if (!Follow(unit)) return false;
  for (size_t i = 0; i < count; ++i) {
    const Declaration& declaration = unit.declarations[i];
    if (declaration.needed && unit.files[declaration.at.file].is_header) trimmed.checked.Add(digests[i]);
  }
  return Writer(unit, trimmed.text).Write();
}

}  // namespace kiln::trim
