#include "cc/call.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace kiln::cc {
namespace {

Call Kind(const std::vector<const char*>& words) {
  return CallOf(static_cast<int>(words.size()), words.data());
}

TEST(CallTest, OneFileIntoOneObject) {
  EXPECT_EQ(Kind({"gcc", "-O2", "-c", "-o", "a.o", "a.c"}), Call::kCompiles);
  EXPECT_EQ(Kind({"ccache", "gcc", "-c", "-o", "a.o", "/s/a.c"}), Call::kCompiles);
  EXPECT_EQ(Kind({"gcc", "-D__ASSEMBLY__", "-c", "-o", "a.o", "a.S"}), Call::kAssembles);
}

TEST(CallTest, EverythingElseIsTheCompilersOwn) {
  EXPECT_EQ(Kind({"gcc", "--version"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-x", "c", "-o", "a.o", "-"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-", "-o", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-x", "c", "/dev/null", "-o", "a.o"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-S", "-c", "-o", "a.s", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-E", "-c", "-o", "a.i", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-o", "a", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", ".c"}), Call::kOther);
  EXPECT_EQ(Kind({}), Call::kOther);
}

TEST(CallTest, TheObjectIsTheLastOneNamed) {
  const std::vector<const char*> words = {"gcc", "-o", "a.o", "-c", "-o", "b.o", "a.c"};
  EXPECT_STREQ(ObjectOf(static_cast<int>(words.size()), words.data()), "b.o");
  const std::vector<const char*> none = {"gcc", "-c", "a.c", "-o"};
  EXPECT_EQ(ObjectOf(static_cast<int>(none.size()), none.data()), nullptr);
}

using Words = std::vector<const char*>;

bool TwoSteps(const Words& words) { return CanBeTwoSteps(static_cast<int>(words.size()), words.data()); }

TEST(TwoStepsTest, AsKbuildCallsTheCompiler) {
  EXPECT_TRUE(TwoSteps({"gcc", "-Wp,-MMD,.a.o.d", "-nostdinc", "-I./include", "-include", "./k.h",
                        "-D__KERNEL__", "-std=gnu11", "-O2", "-Wall", "--param", "allow-store-data-races=0",
                        "-DKBUILD_NAME=\"a\"", "-c", "-o", "a.o", "a.c"}));
  EXPECT_TRUE(TwoSteps({"gcc", "-Os", "-g0", "-I", "-g", "-c", "-o", "-g", "a.c"}));
}

TEST(TwoStepsTest, NotWhereTheObjectWouldDiffer) {
  for (const char* option : {"-g",
                             "-gdwarf-5",
                             "-g1",
                             "-fsanitize=address",
                             "-fprofile-arcs",
                             "-flto",
                             "-fplugin=x.so",
                             "--coverage",
                             "-save-temps",
                             "@file",
                             "-xc",
                             "-MD",
                             "-MMD",
                             "-M",
                             "-O0",
                             "-fkeep-static-functions",
                             "-fno-toplevel-reorder",
                             "-frecord-gcc-switches",
                             "-finput-charset=latin1",
                             "-C",
                             "-v",
                             "-Wa,-adhln"})
    EXPECT_FALSE(TwoSteps({"gcc", "-O2", option, "-c", "-o", "a.o", "a.c"})) << option;
  EXPECT_FALSE(TwoSteps({"ccache", "gcc", "-O2", "-c", "-o", "a.o", "a.c"}));
  EXPECT_FALSE(TwoSteps({"gcc", "-c", "-o", "a.o", "a.c"}));
  EXPECT_TRUE(TwoSteps({"gcc", "-O0", "-O2", "-c", "-o", "a.o", "a.c"}));
}

std::vector<std::string> Step(const Words& words, bool asks) {
  std::vector<const char*> into(words.size() + kMoreWords, "unset");
  const auto count = static_cast<int>(words.size());
  if (asks)
    AskingWords(count, words.data(), "-dM", "/dev/null", into.data());
  else
    CompilingWords(count, words.data(), "text", into.data());
  std::vector<std::string> step;
  for (const char* word : into) {
    if (word == nullptr) return step;
    step.emplace_back(word);
  }
  return {"not ended"};
}

TEST(TwoStepsTest, EachHasTheWordsThatItNeeds) {
  const Words words = {"gcc",   "-Wp,-MMD,d", "-I", "i",         "-Ij", "-include", "k.h",
                       "-DA=1", "-U",         "B",  "-nostdinc", "-O2", "-Wall",    "--param",
                       "a=b",   "-c",         "-o", "a.o",       "a.c"};
  EXPECT_EQ(Step(words, true), (std::vector<std::string>{"gcc", "-O2", "-Wall", "--param", "a=b", "-nostdinc",
                                                         "-E", "-dM", "-x", "c", "/dev/null"}));
  EXPECT_EQ(Step(words, false), (std::vector<std::string>{"gcc", "-O2", "-Wall", "--param", "a=b", "-c", "-o",
                                                          "a.o", "-x", "cpp-output", "text"}));
}

uint64_t Digest(const Words& words) {
  return DigestOfCompiling(static_cast<int>(words.size()), words.data());
}

TEST(TwoStepsTest, TheDigestIsOfWhatMessagesDependOn) {
  const uint64_t digest = Digest({"gcc", "-O2", "-Wall", "-c", "-o", "a.o", "a.c"});
  EXPECT_EQ(Digest({"gcc", "-DB", "-I", "x", "-O2", "-Wall", "-Wp,-MMD,d", "-c", "-o", "b.o", "b.c"}),
            digest);
  EXPECT_NE(Digest({"gcc-11", "-O2", "-Wall", "-c", "-o", "a.o", "a.c"}), digest);
  EXPECT_NE(Digest({"gcc", "-O2", "-Wextra", "-c", "-o", "a.o", "a.c"}), digest);
  EXPECT_NE(Digest({"gcc", "-O2-Wall", "-c", "-o", "a.o", "a.c"}), digest);
  EXPECT_NE(Digest({"gcc", "-O2", "-Wall", "-Werror", "-c", "-o", "a.o", "a.c"}), digest);
}

}  // namespace
}  // namespace kiln::cc
