#include "build/make_output.h"

#include <gtest/gtest.h>

#include "golden.h"

namespace kiln::build {
namespace {

TEST(StepTest, IsReadFromKbuildsLines) {
  const auto step = ParseStep("  CC [M]  fs/ext4/inode.o");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->verb, "CC");
  EXPECT_EQ(step->target, "fs/ext4/inode.o");
  EXPECT_TRUE(step->module);
  EXPECT_TRUE(step->makes);
  EXPECT_EQ(ParseStep("  CC      init/main.o")->target, "init/main.o");
  EXPECT_EQ(ParseStep("  RUSTC L rust/core.o")->target, "rust/core.o");
  EXPECT_EQ(ParseStep("  ZSTD22  arch/x86/boot/compressed/vmlinux.bin.zst")->verb, "ZSTD22");
  EXPECT_EQ(ParseStep("  VDSO2C  arch/x86/entry/vdso/vdso-image-64.c")->verb, "VDSO2C");
  EXPECT_FALSE(ParseStep("  CALL    scripts/checksyscalls.sh")->makes);
  EXPECT_FALSE(ParseStep("  DESCEND objtool")->makes);
  for (const char* line : {"", "  ", "CC foo.o", "  cc  foo.o", "  CC", "  CC      ", "    int x = Y;",
                           "  A x", "  123 | int x;", "Kernel: arch/x86/boot/bzImage is ready  (#1)"})
    EXPECT_FALSE(ParseStep(line)) << line;
}

TEST(WarningTest, IsReadInEveryForm) {
  EXPECT_EQ(ParseWarning("/s/fs/a.c:12:3: warning: unused variable 'x' [-Wunused-variable]"),
            (Warning{.file = "/s/fs/a.c", .line = 12, .text = "unused variable 'x' [-Wunused-variable]"}));
  EXPECT_EQ(ParseWarning(".config:7:warning: unexpected data: garbage"),
            (Warning{.file = ".config", .line = 7, .text = "unexpected data: garbage"}));
  EXPECT_EQ(ParseWarning("vmlinux.o: warning: objtool: f+0x1: unreachable instruction"),
            (Warning{.file = "vmlinux.o", .line = 0, .text = "objtool: f+0x1: unreachable instruction"}));
  EXPECT_EQ(ParseWarning("WARNING: modpost: missing MODULE_LICENSE() in a.o"),
            (Warning{.file = "", .line = 0, .text = "modpost: missing MODULE_LICENSE() in a.o"}));
  EXPECT_EQ(ParseWarning("ld: warning: .tmp_vmlinux1 has a LOAD segment with RWX permissions")->file, "ld");
  EXPECT_FALSE(ParseWarning("a.c:1:2: error: no"));
  EXPECT_FALSE(ParseWarning(".config:17:warning: override: DEBUG_INFO_DWARF4 changes choice state"));
  EXPECT_FALSE(ParseWarning("  CC      warning.o"));
  EXPECT_FALSE(ParseWarning(""));
}

TEST(MakeFailureTest, NamesTheTarget) {
  const auto failure =
      ParseMakeFailure("make[4]: *** [/s/scripts/Makefile.build:250: fs/ext4/inode.o] Error 1");
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->target, "fs/ext4/inode.o");
  EXPECT_EQ(failure->reason, "Error 1");
  EXPECT_EQ(ParseMakeFailure("make: *** [Makefile:9: a.o] Killed")->reason, "Killed");
  EXPECT_EQ(ParseMakeFailure("make[1]: *** [fs/a.o] Error 2")->target, "fs/a.o");
  EXPECT_EQ(ParseMakeFailure("make[1]: *** No rule to make target 'x', needed by 'y'.  Stop.")->target, "");
  EXPECT_FALSE(ParseMakeFailure("make: Entering directory '/x'"));
  EXPECT_FALSE(ParseMakeFailure("make[x]: *** [a] Error 1"));
}

std::string Describe(const MakeOutput& output) {
  std::string text = fmt::format("made {}, last {} {}\nwarnings {}\n", output.made(), output.current().verb,
                                 output.current().target, output.warning_count());
  for (const auto& warning : output.warnings())
    text += fmt::format("  {}:{}: {}\n", warning.file, warning.line, warning.text);
  const auto error = output.first_error();
  if (!error) return text + "no error\n";
  text += fmt::format("error at {}:{}, target {}, {}\n", error->file, error->line, error->failure.target,
                      error->failure.reason);
  for (const auto& line : error->lines) text += "| " + line + "\n";
  return text;
}

constexpr std::string_view kCompileError =
    "  CC      init/main.o\n"
    "  CC      kernel/one.o\n"
    "/s/kernel/one.c: In function 'one':\n"
    "/s/kernel/one.c:4:7: warning: unused variable 'y' [-Wunused-variable]\n"
    "    4 |   int y;\n"
    "      |       ^\n"
    "  CC      kernel/two.o\n"
    "/s/kernel/two.c: In function 'two':\n"
    "/s/kernel/two.c:2:30: error: expected ';' before '}' token\n"
    "    2 | int two(int x) { return x + 2 }\n"
    "      |                              ^~\n"
    "make[3]: *** [/s/scripts/Makefile.build:250: kernel/two.o] Error 1\n"
    "make[2]: *** [/s/Makefile:2010: kernel] Error 2\n"
    "make[1]: *** [/s/Makefile:2010: .] Error 2\n"
    "make: *** [Makefile:236: __sub-make] Error 2\n";

TEST(MakeOutputTest, ShowsTheFirstErrorWhole) {
  MakeOutput output;
  output.Feed(kCompileError);
  output.End();
  testing_support::ExpectGolden("build/compile-error.txt", Describe(output));
}

TEST(MakeOutputTest, PiecesOfAnySizeGiveTheSame) {
  MakeOutput whole;
  whole.Feed(kCompileError);
  whole.End();
  for (const size_t step : {1U, 2U, 17U, 100U}) {
    MakeOutput parts;
    for (size_t i = 0; i < kCompileError.size(); i += step) parts.Feed(kCompileError.substr(i, step));
    parts.End();
    EXPECT_EQ(Describe(parts), Describe(whole)) << step;
  }
}

TEST(MakeOutputTest, AnErrorWithoutASourceLineIsShownToo) {
  MakeOutput output;
  output.Feed(
      "  LD      .tmp_vmlinux.kallsyms1\n"
      "ld: kernel/one.o: in function `one':\n"
      "one.c:(.text+0x5): undefined reference to `three'\n"
      "make[1]: *** [/s/Makefile:1252: vmlinux] Error 2\n");
  testing_support::ExpectGolden("build/link-error.txt", Describe(output));
}

TEST(MakeOutputTest, StaysSmallWhateverComes) {
  MakeOutput output;
  for (int i = 0; i < 3000; ++i) output.Feed(fmt::format("a.c:{}:1: warning: w{}\n", i, i));
  output.Feed(std::string(1 << 20, 'x'));
  output.Feed("\n  CC      a.o\n");
  output.End();
  EXPECT_EQ(output.warning_count(), 3000U);
  EXPECT_EQ(output.warnings().size(), MakeOutput::kMaxWarnings);
  EXPECT_EQ(output.made(), 1U);
  for (const auto& line : output.tail()) EXPECT_LE(line.size(), MakeOutput::kMaxLine);
}

TEST(MakeOutputTest, TheSameWarningIsListedOnce) {
  MakeOutput output;
  output.Feed("h.h:1:1: warning: w\nh.h:1:1: warning: w\n");
  EXPECT_EQ(output.warning_count(), 2U);
  EXPECT_EQ(output.warnings().size(), 1U);
}

}  // namespace
}  // namespace kiln::build
