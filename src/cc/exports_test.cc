#include "cc/exports.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace kiln::cc {
namespace {

// An object file of any width and byte order, byte by byte.
struct Made {
  bool wide = true;
  bool big_endian = false;
  struct Row {
    std::string name;
    int bind = STB_GLOBAL;
    int type = STT_NOTYPE;
    unsigned section = 1;
  };
  std::vector<Row> rows;

  std::string Number(uint64_t value, size_t width) const {
    std::string bytes(width, '\0');
    for (size_t i = 0; i < width; ++i)
      bytes[i] = static_cast<char>(value >> (8 * (big_endian ? width - 1 - i : i)));
    return bytes;
  }
  std::string Word(uint64_t value) const { return Number(value, wide ? 8 : 4); }

  std::string Section(uint32_t type, uint64_t offset, uint64_t size, uint32_t link) const {
    return Number(0, 4) + Number(type, 4) + Word(0) + Word(0) + Word(offset) + Word(size) + Number(link, 4) +
           Number(0, 4) + Word(0) + Word(0);
  }

  std::string Bytes() const {
    std::string names(1, '\0');
    std::string symbols(wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym), '\0');
    for (const auto& row : rows) {
      const std::string info =
          Number(static_cast<uint64_t>(row.bind << 4 | row.type), 1) + Number(0, 1) + Number(row.section, 2);
      symbols += wide ? Number(names.size(), 4) + info + Word(0) + Word(0)
                      : Number(names.size(), 4) + Word(0) + Word(0) + info;
      names += row.name + '\0';
    }
    const size_t header = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    const size_t sections = header + symbols.size() + names.size();
    std::string out = std::string(
                          "\x7f"
                          "ELF") +
                      Number(wide ? 2 : 1, 1) + Number(big_endian ? 2 : 1, 1) + Number(1, 1);
    out.resize(EI_NIDENT);
    out += Number(ET_REL, 2) + Number(62, 2) + Number(1, 4) + Word(0) + Word(0) + Word(sections) +
           Number(0, 4) + Number(header, 2) + Number(0, 2) + Number(0, 2) +
           Number(wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr), 2) + Number(3, 2) + Number(0, 2);
    return out + symbols + names + Section(SHT_NULL, 0, 0, 0) +
           Section(SHT_SYMTAB, header, symbols.size(), 2) +
           Section(SHT_STRTAB, header + symbols.size(), names.size(), 0);
  }
};

struct Found {
  Unreadable why = Unreadable::kNone;
  std::vector<std::string> names;
};

Found Find(std::string_view bytes) {
  Found found;
  found.why = FindLocalExports(
      reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
      [](void* context, const char* name) {
        static_cast<std::vector<std::string>*>(context)->emplace_back(name);
      },
      &found.names);
  return found;
}

const std::vector<Made::Row> kRows = {
    {.name = "__ksymtab_hidden", .bind = STB_LOCAL},
    {.name = "hidden", .bind = STB_LOCAL, .type = STT_FUNC},
    {.name = "__ksymtab_shown", .bind = STB_LOCAL},
    {.name = "shown", .type = STT_FUNC},
    {.name = "__ksymtab_elsewhere"},
    {.name = "elsewhere", .section = SHN_UNDEF},
    {.name = "__ksymtab_weak"},
    {.name = "weak", .bind = STB_WEAK},
    {.name = "local_but_not_exported", .bind = STB_LOCAL},
};

TEST(ExportsTest, TellsLocalSymbolsThatAreExportedInEveryKindOfObject) {
  for (const bool wide : {true, false}) {
    for (const bool big_endian : {true, false}) {
      const auto found = Find(Made{.wide = wide, .big_endian = big_endian, .rows = kRows}.Bytes());
      EXPECT_EQ(found.why, Unreadable::kNone);
      EXPECT_EQ(found.names, std::vector<std::string>{"hidden"}) << wide << big_endian;
    }
  }
}

// A file of that name, or a second symbol that is global, is no reason.
TEST(ExportsTest, NamesOfFilesAndSectionsAreNoSymbols) {
  const auto found = Find(Made{
      .rows = {{.name = "__ksymtab_a"},
               {.name = "a", .bind = STB_LOCAL, .type = STT_FILE, .section = SHN_ABS},
               {.name = "a", .bind = STB_LOCAL, .type = STT_SECTION},
               {.name = "__ksymtab_b"},
               {.name = "b", .bind = STB_LOCAL},
               {.name = "b"}}}.Bytes());
  EXPECT_EQ(found.why, Unreadable::kNone);
  EXPECT_TRUE(found.names.empty());
}

TEST(ExportsTest, WhatIsNoObjectIsTold) {
  EXPECT_EQ(Find("").why, Unreadable::kNoObject);
  EXPECT_EQ(Find("#!/bin/sh\nexit 0\n").why, Unreadable::kNoObject);
  EXPECT_EQ(Find(Made().Bytes().substr(0, 40)).why, Unreadable::kNoObject);
}

// Every shorter piece of a good object is refused or gives nothing that is not in it.
TEST(ExportsTest, PiecesOfAnObjectAreNotBelieved) {
  const std::string whole = Made{.rows = kRows}.Bytes();
  for (size_t size = sizeof(Elf64_Ehdr); size < whole.size(); ++size)
    EXPECT_EQ(Find(std::string_view(whole).substr(0, size)).why, Unreadable::kBroken) << size;
  std::string unended = whole;
  unended[whole.size() - 3 * sizeof(Elf64_Shdr) - 1] = 'x';  // The last name's end.
  EXPECT_EQ(Find(unended).why, Unreadable::kBroken);
}

}  // namespace
}  // namespace kiln::cc
