#include "elf/debug_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/strings.h"
#include "elf/symbol_index.h"
#include "elf/unit_table.h"
#include "sys/files.h"

namespace kiln::elf {
namespace {

Result<DebugReader> OpenPath(const std::string& path) {
  auto file = sys::Open(path, O_RDONLY);
  if (!file) return file.error();
  return DebugReader::Open(std::move(*file), path);
}

Result<DebugReader> OpenBytes(std::string_view bytes) {
  sys::Fd file(::memfd_create("elf", MFD_CLOEXEC));
  KILN_TRY(sys::WriteAll(file.get(), bytes));
  return DebugReader::Open(std::move(file), "memory");
}

/// The line of the fixture's source that carries a mark.
uint32_t MarkedLine(std::string_view mark) {
  const std::string source =
      sys::ReadFile(std::string(KILN_SOURCE_DIR) + "/tests/support/symbols_fixture.c").value_or("");
  uint32_t line = 0;
  for (const std::string_view text : SplitLines(source)) {
    ++line;
    if (text.find("mark: " + std::string(mark) + " ") != std::string_view::npos) return line;
  }
  return 0;
}

class Fixture : public ::testing::TestWithParam<const char*> {};

TEST_P(Fixture, GivesLinesAndWhatWasInlined) {
  auto reader = OpenPath(GetParam());
  ASSERT_TRUE(reader) << reader.error().Text();
  const auto bytes = reader->BuildIndex();
  ASSERT_TRUE(bytes) << bytes.error().Text();
  const auto index = SymbolIndex::Open(*bytes);
  ASSERT_TRUE(index) << index.error().Text();
  EXPECT_TRUE(index->facts().has_debug_info) << index->facts().no_debug_info;
  const auto symbols = index->Named("fixture_outer");
  ASSERT_EQ(symbols.size(), 1U);
  const Symbol outer = symbols[0];
  EXPECT_GT(outer.size, 0U);
  EXPECT_GE(outer.extent, outer.size);
  const auto unit = index->UnitAt(outer.address);
  ASSERT_TRUE(unit);
  const auto decoded = reader->DecodeUnit(*unit);
  ASSERT_TRUE(decoded) << decoded.error().Text();
  const auto table = UnitTable::Open(*decoded);
  ASSERT_TRUE(table);
  bool found = false;
  for (uint64_t at = outer.address; at < outer.address + outer.size; ++at) {
    const auto covering = index->At(at);
    ASSERT_TRUE(covering);
    EXPECT_EQ(covering->name, "fixture_outer");
    const auto frames = table->At(at);
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().function, "fixture_outer");
    if (frames.size() != 3) continue;
    found = true;
    EXPECT_EQ(frames[0].function, "fixture_inner");
    EXPECT_EQ(frames[0].line, MarkedLine("inner"));
    EXPECT_EQ(frames[1].function, "fixture_middle");
    EXPECT_EQ(frames[1].line, MarkedLine("middle"));
    EXPECT_EQ(frames[2].line, MarkedLine("outer"));
    for (const auto& frame : frames) EXPECT_TRUE(frame.file.ends_with("symbols_fixture.c")) << frame.file;
  }
  EXPECT_TRUE(found) << "no address of fixture_outer is in fixture_inner";
  EXPECT_TRUE(table->At(outer.address + (uint64_t{1} << 40)).empty());
}

INSTANTIATE_TEST_SUITE_P(LinkedAndRelocatable, Fixture,
                         ::testing::Values(KILN_FIXTURE_PROGRAM, KILN_FIXTURE_OBJECT));

TEST(DebugReader, KnowsWhatTheFileIs) {
  auto reader = OpenPath(KILN_FIXTURE_PROGRAM);
  ASSERT_TRUE(reader);
  const auto bytes = reader->BuildIndex();
  const auto index = SymbolIndex::Open(*bytes);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->facts().banner, "Linux version 6.1.0-test (kiln@test) (cc) #7 SMP");
  EXPECT_EQ(index->facts().build_id.size(), 40U);
  EXPECT_FALSE(index->facts().is_relocatable);
  EXPECT_TRUE(index->Named("fixture_out").empty());
  EXPECT_TRUE(index->Named("").empty());
}

TEST(DebugReader, NoCutOfAFileBreaksIt) {
  const auto whole = sys::ReadFile(KILN_FIXTURE_PROGRAM);
  ASSERT_TRUE(whole);
  const size_t step = whole->size() / 60 + 1;
  for (size_t size = 0; size < whole->size(); size += step) {
    auto reader = OpenBytes(std::string_view(*whole).substr(0, size));
    if (!reader) {
      EXPECT_EQ(reader.error().code(), ErrorCode::kCorrupt) << size;
      continue;
    }
    ADD_FAILURE() << "a file cut to " << size << " bytes is taken for a whole one";
  }
  EXPECT_NE(OpenBytes(std::string_view(*whole).substr(0, whole->size() - 1)).error().Text().find("cut short"),
            std::string::npos);
}

TEST(DebugReader, NoDamageBreaksIt) {
  const auto whole = sys::ReadFile(KILN_FIXTURE_PROGRAM);
  ASSERT_TRUE(whole);
  for (size_t at = 0; at < whole->size(); at += whole->size() / 300 + 1) {
    std::string damaged = *whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
    auto reader = OpenBytes(damaged);
    if (!reader) continue;
    const auto bytes = reader->BuildIndex();
    if (!bytes) continue;
    const auto index = SymbolIndex::Open(*bytes);
    ASSERT_TRUE(index);
    for (const Symbol& symbol : index->Named("fixture_outer")) {
      if (const auto unit = index->UnitAt(symbol.address)) (void)reader->DecodeUnit(*unit);
    }
  }
}

TEST(DebugReader, SaysWhatIsNoElfFile) {
  EXPECT_NE(OpenBytes("#!/bin/sh").error().Text().find("no ELF file"), std::string::npos);
  EXPECT_EQ(OpenBytes("").error().code(), ErrorCode::kCorrupt);
  auto reader = OpenPath(KILN_FIXTURE_PROGRAM);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->DecodeUnit(0x7fffffff).error().code(), ErrorCode::kCorrupt);
}

SymbolIndex::SymbolRow Row(uint64_t address, uint32_t extent) {
  return {.address = address, .size = extent, .extent = extent, .name = 0, .section = 1};
}

TEST(SymbolIndex, FindsNamesWithTheirEndings) {
  const std::string bytes = SymbolIndex::Build({},
                                               {{Row(0x100, 16), "foo.isra.0"},
                                                {Row(0x110, 16), "foo"},
                                                {Row(0x120, 16), "foobar"},
                                                {Row(0x130, 16), "bar.llvm.77"},
                                                {Row(0x140, 16), "foo"}},
                                               {{.low = 0x100, .high = 0x120, .unit = 7}});
  const auto index = SymbolIndex::Open(bytes);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->Named("foo").size(), 2U);
  ASSERT_EQ(index->Named("foo.isra.0").size(), 1U);
  ASSERT_EQ(index->Named("bar").size(), 1U);
  EXPECT_EQ(index->Named("bar")[0].address, 0x130U);
  EXPECT_EQ(index->At(0x12f)->name, "foobar");
  EXPECT_FALSE(index->At(0x150));
  EXPECT_FALSE(index->At(0x99));
  EXPECT_EQ(index->UnitAt(0x11f), 7U);
  EXPECT_FALSE(index->UnitAt(0x120));
}

TEST(SymbolIndex, RefusesWhatIsDamaged) {
  const std::string bytes =
      SymbolIndex::Build({.banner = "b"}, {{Row(0x100, 16), "foo"}}, {{.low = 1, .high = 2, .unit = 3}});
  ASSERT_TRUE(SymbolIndex::Open(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(SymbolIndex::Open(std::string_view(bytes).substr(0, size))) << size;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    EXPECT_FALSE(SymbolIndex::Open(damaged)) << at;
  }
  const std::string table = UnitTable::Build(0, {}, {}, "");
  const std::string units = PackUnits({{5, table}, {9, table}});
  ASSERT_EQ(UnpackUnits(units)->size(), 2U);
  EXPECT_FALSE(UnpackUnits(table));
  EXPECT_FALSE(UnitTable::Open(units));
}

TEST(UnitTable, TheInnermostComesFirst) {
  TextPool texts;
  const uint32_t file = texts.Add("a.c");
  const uint32_t header = texts.Add("b.h");
  EXPECT_EQ(texts.Add("a.c"), file);
  const uint32_t outer = texts.Add("outer");
  const uint32_t inner = texts.Add("inner");
  const std::string bytes = UnitTable::Build(
      0x1000,
      {{.address = 0, .file = file, .line = 10},
       {.address = 4, .file = header, .line = 3},
       {.address = 8, .file = file, .line = 12},
       {.address = 16, .file = UnitTable::kNoText, .line = 0}},
      {{.low = 4, .high = 8, .name = inner, .call_file = file, .call_line = 11, .depth = 1},
       {.low = 0, .high = 16, .name = outer, .call_file = UnitTable::kNoText, .call_line = 0, .depth = 0}},
      std::move(texts).Take());
  const auto table = UnitTable::Open(bytes);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->At(0x1005), (std::vector<SourceFrame>{{"inner", "b.h", 3}, {"outer", "a.c", 11}}));
  EXPECT_EQ(table->At(0x1009), (std::vector<SourceFrame>{{"outer", "a.c", 12}}));
  EXPECT_TRUE(table->At(0x1010).empty());
  EXPECT_TRUE(table->At(0xfff).empty());
}

}  // namespace
}  // namespace kiln::elf
