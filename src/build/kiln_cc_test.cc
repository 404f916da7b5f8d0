// kiln-cc itself, with scripts and the host's own compiler behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/strings.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln {
namespace {

using testing::HasSubstr;

class KilnCc : public testing::Test {
 protected:
  std::string PathOf(std::string_view name) const { return sys::JoinPath(folder_.path(), name); }

  // A compiler that notes each call, and does what the script says.
  void Compiler(std::string_view script) {
    const std::string text = "#!/bin/sh\necho \"$*\" >>" + PathOf("calls") + "\n" + std::string(script);
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf("gcc"), text, 0755));
  }

  sys::Captured Run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    std::vector<std::string> argv = {KILN_CC, PathOf("gcc")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    environment.emplace_back("PATH=/usr/bin:/bin");
    auto said = sys::SystemSpawner().Run({.argv = argv, .environment = environment});
    EXPECT_TRUE(said);
    return said ? *said : sys::Captured();
  }

  std::string Calls() const { return sys::ReadFile(PathOf("calls"), 65536).value_or(""); }

  sys::TempDir folder_ = *sys::TempDir::Create(testing::TempDir(), "kiln-cc");
};

constexpr const char* kCheck = "KILN_CHECK_EXPORTS=1";

TEST_F(KilnCc, CompilesAsAsked) {
  Compiler("exit 0");
  const auto said = Run({"-c", "-o", "a.o", "a.c"});
  EXPECT_EQ(said.status.code, 0);
  EXPECT_EQ(said.output + said.errors, "");
  EXPECT_EQ(Calls(), "-c -o a.o a.c\n");
}

TEST_F(KilnCc, WhatIsSaidIsWhatTheCompilerSays) {
  Compiler("echo asked >&2; exit 3");
  const auto said = Run({"-c", "-o", "a.o", "a.c"});
  EXPECT_EQ(said.status.code, 3);
  EXPECT_EQ(said.errors, "asked\n");
  EXPECT_EQ(Calls(), "-c -o a.o a.c\n");
}

TEST_F(KilnCc, OtherCallsAreTheCompilersOwn) {
  Compiler("cat; exit 4");
  const auto said = Run({"-E", "-c", "-x", "c", "-"}, {kCheck});
  EXPECT_EQ(said.status.code, 4);
  EXPECT_EQ(Calls(), "-E -c -x c -\n");
}

TEST_F(KilnCc, ACompilerThatIsKilledIsToldAsThat) {
  Compiler("kill -KILL $$");
  EXPECT_EQ(Run({"-c", "-o", "a.o", "a.c"}).status.signal, SIGKILL);
  EXPECT_EQ(Run({"-c", "-o", "a.o", "a.S"}, {kCheck}).status.signal, SIGKILL);
}

TEST_F(KilnCc, ACompilerThatIsNotThereIsNamed) {
  const auto said = Run({"-c", "-o", "a.o", "a.c"});
  EXPECT_EQ(said.status.code, 127);
  EXPECT_THAT(said.errors, HasSubstr("gcc: No such file or directory"));
}

// The stops that a terminal sends reach the compiler, which takes away what it was writing.
TEST_F(KilnCc, AStopIsTheCompilersBusiness) {
  Compiler("trap 'echo stopped; exit 9' TERM\nkill -TERM $PPID $$\nsleep 5 & wait\n");
  const auto said = Run({"-c", "-o", "a.o", "a.S"}, {kCheck});
  EXPECT_EQ(said.output, "stopped\n");
  EXPECT_EQ(said.status.code, 9);
}

class KilnCcExports : public KilnCc {
 protected:
  void SetUp() override {
    const auto version = sys::SystemSpawner().Run(
        {.argv = {"gcc", "--version"}, .environment = std::vector<std::string>{"PATH=/usr/bin:/bin"}});
    if (!version || !version->status.ok()) GTEST_SKIP() << "there is no gcc";
    Compiler("exec gcc \"$@\"");
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf("bad.c"),
                                     "__attribute__((used)) static int mine;\nint __ksymtab_mine;\n"));
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf("good.c"), "int mine;\nint __ksymtab_mine;\n"));
    ASSERT_TRUE(sys::WriteFileAtomic(
        PathOf("bad.S"), ".data\nmine: .long 0\n.globl __ksymtab_mine\n__ksymtab_mine: .long 0\n"));
  }

  sys::Captured Compile(std::string_view file, std::vector<std::string> environment = {kCheck}) {
    return Run({"-c", "-o", PathOf("out.o"), PathOf(file)}, std::move(environment));
  }
};

TEST_F(KilnCcExports, ALocalSymbolThatIsExportedIsAnError) {
  for (const char* file : {"bad.c", "bad.S"}) {
    const auto said = Compile(file);
    EXPECT_EQ(said.status.code, 1) << file;
    EXPECT_EQ(said.errors, PathOf("out.o") + ": error: local symbol mine was exported\n");
  }
  EXPECT_EQ(Compile("good.c").status.code, 0);
}

TEST_F(KilnCcExports, IsLookedForOnlyWhenAsked) { EXPECT_EQ(Compile("bad.c", {}).status.code, 0); }

TEST_F(KilnCcExports, IsLookedForAfterAWarningToo) {
  Compiler("exec gcc -Wall \"$@\"");
  ASSERT_TRUE(sys::WriteFileAtomic(
      PathOf("bad.c"), "static int unused;\n__attribute__((used)) static int mine;\nint __ksymtab_mine;\n"));
  const auto said = Compile("bad.c");
  EXPECT_EQ(said.status.code, 1);
  EXPECT_THAT(said.errors, HasSubstr("unused"));
  EXPECT_THAT(said.errors, HasSubstr("local symbol mine was exported"));
}

TEST_F(KilnCcExports, AnObjectThatIsNoneIsAnError) {
  Compiler("echo no >" + PathOf("out.o"));
  EXPECT_EQ(Compile("good.c").status.code, 127);
}

class KilnCcDeclarations : public KilnCcExports {
 protected:
  std::string Known() const { return "KILN_DECLARATIONS=" + PathOf("known"); }

  sys::Captured Trimmed(std::vector<std::string> more = {}, std::vector<std::string> environment = {}) {
    more.insert(more.begin(), {"-O2", "-Wall", "-nostdinc", "-Wno-trigraphs"});
    more.insert(more.end(), {"-c", "-o", PathOf("out.o"), PathOf("a.c")});
    environment.push_back(Known());
    return Run(more, environment);
  }

  // Each call without what all of them have.
  std::vector<std::string> Steps() const {
    std::vector<std::string> steps;
    const std::string calls = Calls();
    for (const auto& call : Split(calls, '\n'))
      if (!call.empty())
        steps.emplace_back(call.find("-E") != std::string_view::npos           ? "is asked"
                           : call.find("cpp-output") != std::string_view::npos ? "compiles the rest"
                                                                               : "as asked");
    return steps;
  }

  // What gcc defines is kept in it.
  std::string Predefined() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      if (const std::string name = entry.path().filename(); name.starts_with("known-")) return name;
    return "none";
  }

  // A compiler that says and ends so when it is asked what it defines, and when it compiles the rest.
  void Steps(std::string_view asked, std::string_view rest) {
    (void)unlink(PathOf(Predefined()).c_str());
    (void)sys::WriteFileAtomic(PathOf("a.c"), "int a;\n");
    (void)sys::WriteFileAtomic(PathOf("calls"), "");
    Compiler("case \"$*\" in\n*' -E '*) echo '#define __x 1'; " + std::string(asked) + " ;;\n*cpp-output*) " +
             std::string(rest) + " ;;\n*) ;;\nesac\n");
  }
};

using testing::ElementsAre;

TEST_F(KilnCcDeclarations, TheRestIsCompiledWhenNothingIsSaid) {
  Steps("", "");
  const auto said = Trimmed();
  EXPECT_EQ(said.status.code, 0);
  EXPECT_EQ(said.output + said.errors, "");
  EXPECT_THAT(Steps(), ElementsAre("is asked", "compiles the rest"));
}

TEST_F(KilnCcDeclarations, AsAskedWhenAnythingIsSaidOrFails) {
  for (const char* what : {"echo warning >&2", "exit 1"}) {
    Steps(what, "");
    EXPECT_EQ(Trimmed().errors, "") << what;
    EXPECT_THAT(Steps(), ElementsAre("is asked", "as asked")) << what;
    Steps("", what);
    EXPECT_EQ(Trimmed().errors, "") << what;
    EXPECT_THAT(Steps(), ElementsAre("is asked", "compiles the rest", "as asked")) << what;
  }
}

// gcc warns of it only when it sees the macro.
TEST_F(KilnCcDeclarations, AMacroOfSeveralStatementsIsGccsToSee) {
  ASSERT_TRUE(sys::WriteFileAtomic(
      PathOf("a.c"), "#define TWO(x) f(x); f(x)\nvoid f(int);\nvoid g(int a) { if (a) TWO(a); }\n"));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(Trimmed().errors, HasSubstr("-Wmultistatement-macros"));
}

TEST_F(KilnCcDeclarations, AsAskedWithoutTheFileOrWithDebugInformation) {
  Compiler("exit 0");
  EXPECT_EQ(Trimmed({"-g"}).status.code, 0);
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("known"), "something else"));
  EXPECT_EQ(Trimmed().status.code, 0);
  EXPECT_THAT(Steps(), ElementsAre("as asked", "as asked"));
}

// ccache calls the compiler through it, and puts an option behind the file.
TEST_F(KilnCcDeclarations, BehindCcacheOnlyWhatItHasNotKept) {
  Steps("", "");
  ASSERT_TRUE(sys::WriteFileAtomic(
      PathOf("ccache"),
      "#!/bin/sh\necho ccache >>" + PathOf("calls") + "\nexec $CCACHE_PREFIX \"$@\" -fdiagnostics-color\n",
      0755));
  ASSERT_EQ(symlink(KILN_CC, PathOf("kiln-cc").c_str()), 0);
  const auto said =
      sys::SystemSpawner().Run({.argv = {KILN_CC, PathOf("ccache"), PathOf("gcc"), "-O2", "-nostdinc",
                                         "-Wno-trigraphs", "-c", "-o", PathOf("out.o"), PathOf("a.c")},
                                .environment = std::vector<std::string>{
                                    "PATH=/usr/bin:/bin", Known(), "CCACHE_PREFIX=" + PathOf("kiln-cc")}});
  ASSERT_TRUE(said);
  EXPECT_EQ(said->status.code, 0) << said->errors;
  EXPECT_THAT(Steps(), ElementsAre("as asked", "is asked", "compiles the rest"));
}

TEST_F(KilnCcDeclarations, WhatGccSaysIsWhatItSaysAlone) {
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.h"), "#define USE(x) ((x) + y)\nint f(void);\n"));
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.c"),
                                   "#include \"a.h\"\nint g(void) { int unused; return f(); }\n"
                                   "int h(void) { int y; return USE(3); }\n"));
  const auto alone =
      sys::SystemSpawner().Run({.argv = {"gcc", "-O2", "-Wall", "-c", "-o", PathOf("out.o"), PathOf("a.c")},
                                .environment = std::vector<std::string>{"PATH=/usr/bin:/bin"}});
  ASSERT_TRUE(alone);
  EXPECT_THAT(alone->errors, HasSubstr("unused"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Trimmed().errors, alone->errors);
}

constexpr char kGood[] = "struct s { int a; };\nstatic inline int f(struct s *p) { return p->a; }\n";

TEST_F(KilnCcDeclarations, AMistakeInWhatNothingUsesIsSeenOnce) {
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.c"), "#include \"a.h\"\nint x;\n"));
  const auto expect_error = [&](std::string_view header) {
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.h"), header));
    const auto said = Trimmed();
    EXPECT_EQ(said.status.code, 1) << header;
    EXPECT_THAT(said.errors, HasSubstr("error:")) << header;
  };
  expect_error("static inline int f(void) { return missing; }\n");
  ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.h"), kGood));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Trimmed().status.code, 0);
  expect_error("struct s { int a; };\nstatic inline int f(struct s *p) { return p->b; }\n");
  expect_error("struct s { int b; };\nstatic inline int f(struct s *p) { return p->a; }\n");
  expect_error("struct s;\nstatic inline int f(struct s *p) { return p->a; }\n");
}

TEST_F(KilnCcDeclarations, ExportsAreLookedForToo) {
  ASSERT_TRUE(
      sys::WriteFileAtomic(PathOf("a.c"), "__attribute__((used)) static int mine;\nint __ksymtab_mine;\n"));
  const auto said = Trimmed({}, {kCheck});
  EXPECT_EQ(said.status.code, 1);
  EXPECT_THAT(said.errors, HasSubstr("local symbol mine was exported"));
  EXPECT_THAT(Steps(), ElementsAre("is asked", "compiles the rest"));
}

// A call that is preprocessed here.
class KilnCcAlone : public KilnCcDeclarations {
 protected:
  void SetUp() override {
    KilnCcDeclarations::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(sys::WriteFileAtomic(
        PathOf("a.h"),
        "#pragma once\n#define TWICE(x) ((x) * 2)\nint f(int);\nstatic inline int u(void) { return 1; }\n"));
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf("a.c"),
                                     "#include \"a.h\"\n#if __has_attribute(cold) && __GNUC__ > 3\n"
                                     "int g(int a) { return f(TWICE(a\n + __LINE__)); }\n#endif\n"
                                     "#ifdef _STDC_PREDEF_H\nint more;\n#endif\n"));
    const auto alone =
        Program({"gcc", "-O2", "-Wall", "-nostdinc", "-c", "-o", PathOf("alone.o"), PathOf("a.c")});
    ASSERT_TRUE(alone.status.ok()) << alone.errors;
  }

  static sys::Captured Program(const std::vector<std::string>& argv) {
    auto said = sys::SystemSpawner().Run(
        {.argv = argv, .environment = std::vector<std::string>{"PATH=/usr/bin:/bin"}});
    return said ? *said : sys::Captured();
  }

  // The steps it took; what comes out is as gcc makes it.
  std::vector<std::string> Compile() {
    (void)sys::WriteFileAtomic(PathOf("calls"), "");
    (void)unlink(PathOf("out.o").c_str());
    (void)unlink(PathOf("d").c_str());
    const auto said = Trimmed({"-Wp,-MMD," + PathOf("d")});
    EXPECT_EQ(said.errors, "");
    EXPECT_EQ(said.status.code, 0);
    EXPECT_TRUE(sys::ReadFile(PathOf("out.o"), 65536).value_or("none") ==
                sys::ReadFile(PathOf("alone.o"), 65536).value_or("nothing"));
    const std::string read = sys::ReadFile(PathOf("d"), 65536).value_or("");
    EXPECT_THAT(read, HasSubstr(PathOf("a.h")));
    EXPECT_THAT(read, HasSubstr(".o: "));
    return Steps();
  }

  std::string PredefinedText() const { return sys::ReadFile(PathOf(Predefined()), 1 << 20).value_or(""); }
};

TEST_F(KilnCcAlone, OneCallOnceItIsKnownWhatGccDefines) {
  EXPECT_THAT(Compile(), ElementsAre("is asked", "is asked", "compiles the rest"));
  const std::string text = PredefinedText();
  for (int i = 0; i < 2; ++i) EXPECT_THAT(Compile(), ElementsAre("compiles the rest"));
  EXPECT_EQ(PredefinedText(), text);
}

TEST_F(KilnCcAlone, WhatIsKnownOfGccIsWholeOrAskedAgain) {
  Compile();
  const std::string whole = PredefinedText();
  const size_t end = whole.find("\n?") + 1;
  ASSERT_NE(end, 0U);
  const size_t gnuc = whole.find("__GNUC__ ");
  ASSERT_NE(gnuc, std::string::npos);
  std::string changed = whole;
  changed[gnuc + 9] = '2';
  std::string with_nul = whole;
  with_nul[5] = '\0';
  for (const std::string& broken :
       {std::string(), std::string("garbage"), std::string("\n?"), whole.substr(0, end / 2),
        whole.substr(0, end), whole.substr(0, end + 5), whole.substr(100), changed, with_nul,
        whole.substr(0, whole.rfind('\n', end - 2) + 1) + whole.substr(end)}) {
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf(Predefined()), broken));
    EXPECT_THAT(Compile(), ElementsAre("is asked", "is asked", "compiles the rest")) << broken.size();
    EXPECT_EQ(PredefinedText(), whole);
  }
}

TEST_F(KilnCcAlone, AnAnswerThatIsCutIsAskedForAgain) {
  Compile();
  const std::string whole = PredefinedText();
  const size_t answers = whole.find("\n?1 ") + 1;
  ASSERT_NE(answers, 0U);
  for (const std::string& broken :
       {whole.substr(0, answers), whole.substr(0, answers + 9), whole.substr(0, whole.size() - 1),
        whole.substr(0, answers) + "?x __has_attribute(cold)\n", whole.substr(0, answers) + "garbage\n"}) {
    ASSERT_TRUE(sys::WriteFileAtomic(PathOf(Predefined()), broken));
    EXPECT_THAT(Compile(), ElementsAre("is asked", "compiles the rest")) << broken.size();
  }
}

TEST_F(KilnCcAlone, SlowerWhereNothingCanBeKept) {
  Compile();
  const std::string name = Predefined();
  ASSERT_EQ(unlink(PathOf(name).c_str()), 0);
  // No file can take that name.
  ASSERT_TRUE(sys::MakeDirectories(PathOf(name)));
  EXPECT_THAT(Compile(), ElementsAre("is asked", "as asked"));
}

}  // namespace
}  // namespace kiln
