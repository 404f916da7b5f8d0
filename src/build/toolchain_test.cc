#include "build/toolchain.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/cache.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

ToolNames Names(std::string_view arch, const ToolchainRequest& request, std::string_view host = "x86_64") {
  return NameTools(*FindArch(arch), request, host);
}

TEST(ToolNamesTest, FollowTheArchAndTheWishes) {
  EXPECT_EQ(Names("x86_64", {}).cc, "gcc");
  EXPECT_TRUE(Names("x86_64", {}).variables.empty());
  EXPECT_EQ(Names("arm64", {}).cc, "aarch64-linux-gnu-gcc");
  EXPECT_EQ(Names("arm64", {}).variables, std::vector<std::string>{"CROSS_COMPILE=aarch64-linux-gnu-"});
  EXPECT_EQ(Names("arm64", {}, "aarch64").cc, "gcc");
  EXPECT_EQ(Names("riscv", {.cross_compile = "/opt/rv/bin/rv-"}).cc, "/opt/rv/bin/rv-gcc");
  EXPECT_EQ(Names("arm64", {.llvm = "1"}).cc, "clang");
  EXPECT_EQ(Names("arm64", {.llvm = "1"}).variables, std::vector<std::string>{"LLVM=1"});
  EXPECT_EQ(Names("x86_64", {.llvm = "-19"}).cc, "clang-19");
  EXPECT_EQ(Names("x86_64", {.llvm = "/opt/llvm/bin/"}).linker, "/opt/llvm/bin/ld.lld");
  EXPECT_EQ(Names("x86_64", {.variables = {"W=1", "CC=gcc-11"}}).cc, "gcc-11");
  EXPECT_EQ(Names("x86_64", {.variables = {"LLVM=-19"}}).cc, "clang-19");
  EXPECT_EQ(Names("x86_64", {.variables = {"LLVM=-19"}}).variables, std::vector<std::string>{"LLVM=-19"});
  EXPECT_EQ(Names("x86_64", {.llvm = "1", .variables = {"LLVM=0"}}).cc, "gcc");
  EXPECT_EQ(Names("arm64", {.variables = {"CROSS_COMPILE=a-"}}).linker, "a-ld");
  EXPECT_TRUE(NamesToolchain("LLVM=1"));
  EXPECT_FALSE(NamesToolchain("LLVM_IAS=0"));
  EXPECT_EQ(FindArch("mips"), nullptr);
}

TEST(ToolNamesTest, NmIsTheCompilersOwn) {
  EXPECT_EQ(NmOf("gcc"), "gcc-nm");
  EXPECT_EQ(NmOf("gcc-11"), "gcc-nm-11");
  EXPECT_EQ(NmOf("aarch64-linux-gnu-gcc"), "aarch64-linux-gnu-gcc-nm");
  EXPECT_EQ(NmOf("/opt/gcc-12/bin/x-gcc-12.2"), "/opt/gcc-12/bin/x-gcc-nm-12.2");
  for (const auto* other : {"clang", "clang-19", "ccache gcc", "/opt/gcc/bin/cc", "mygcc", "gcc.sh", ""})
    EXPECT_EQ(NmOf(other), "") << other;
}

Result<Toolchain> Identify(sys::Spawner& spawner) {
  return IdentifyToolchain(
      Names("x86_64", {}), spawner, [](const sys::Command& command) { return command; }, {"PATH=/nowhere"},
      "gcc:13");
}

TEST(ToolchainTest, IsWhoItSaysItIs) {
  sys::FakeSpawner spawner;
  spawner.answers["gcc --version"] = {.output = "gcc (Debian 12.2.0-14) 12.2.0\nCopyright\n"};
  spawner.answers["gcc -print-prog-name=cc1"] = {.output = "/usr/lib/cc1\n"};
  spawner.answers["ld --version"] = {.output = "GNU ld 2.40\n"};
  spawner.answers["as --version"] = {.output = "GNU as 2.40\n"};
  spawner.answers["cat"] = {.output = "bytes"};
  spawner.answers["pahole"] = {.status = {.code = 127}};
  const auto first = Identify(spawner);
  ASSERT_TRUE(first) << first.error().Text();
  EXPECT_EQ(first->description, "gcc (Debian 12.2.0-14) 12.2.0");
  EXPECT_EQ(Identify(spawner)->identity, first->identity);
  spawner.answers["ld --version"] = {.output = "GNU ld 2.41\n"};
  EXPECT_NE(Identify(spawner)->identity, first->identity);
}

TEST(ToolchainTest, IsTheSameWhereverItStands) {
  sys::FakeSpawner spawner;
  spawner.answers["gcc"] = {.output = "gcc 12\n"};
  spawner.answers["ld"] = {.output = "ld 2\n"};
  spawner.answers["as"] = {.output = "as 2\n"};
  spawner.answers["pahole"] = {.output = "v1.24\n"};
  spawner.answers["cat"] = {.output = "bytes"};
  const auto in = [&](std::string_view image) {
    return IdentifyToolchain(
               Names("x86_64", {}), spawner, [](const sys::Command& command) { return command; },
               {"PATH=/nowhere"}, image)
        ->identity;
  };
  const std::string first = in("gcc:13");
  EXPECT_EQ(in("/roots/sid"), first);
  spawner.answers["cat"] = {.output = "other bytes"};
  EXPECT_NE(in("gcc:13"), first);
  // Who can't be read is like nobody else.
  spawner.answers["cat"] = {.status = {.code = 1}};
  EXPECT_NE(in("gcc:13"), in("/roots/sid"));
}

TEST(ToolchainTest, OfThisHostIsReadOnceAndAnewWhenItChanged) {
  const auto folder = *sys::TempDir::Create(testing::TempDir(), "tools");
  const auto write = [&](std::string_view name, std::string_view bytes) {
    const std::string path = sys::JoinPath(folder.path(), name);
    ASSERT_TRUE(sys::WriteFileAtomic(path, bytes, 0755));
  };
  for (const auto* name : {"gcc", "ld", "as"}) write(name, "one");
  sys::FakeSpawner spawner;
  for (const auto* name : {"gcc", "ld", "as", "pahole"}) spawner.answers[name] = {.output = "1.0\n"};
  const FakeClock clock;
  NullLog log;
  store::Cache cache(sys::JoinPath(folder.path(), "cache"), clock, log);
  const auto identity = [&](store::Cache* remembers) {
    return IdentifyToolchain(
               Names("x86_64", {}), spawner, [](const sys::Command& command) { return command; },
               {"PATH=" + folder.path()}, "", remembers)
        ->identity;
  };
  const std::string first = identity(nullptr);
  EXPECT_EQ(identity(&cache), first);
  EXPECT_EQ(identity(&cache), first);
  write("ld", "two");
  EXPECT_NE(identity(&cache), first);
  EXPECT_EQ(identity(&cache), identity(nullptr));
}

TEST(ToolchainTest, WhatAContainerCantDoIsSaidInWords) {
  sys::FakeSpawner spawner;
  const auto said = [&](int code, std::string_view words) {
    spawner.answers["gcc"] = {.status = {.code = code}, .errors = std::string(words)};
    return Identify(spawner).error();
  };
  for (const char* words :
       {"bwrap: execvp gcc: No such file or directory",
        "Error: crun: executable file `gcc` not found in $PATH: No such file or directory: OCI "
        "runtime attempted to invoke a command that was not found",
        "Error: runc: exec failed: exec: \"gcc\": executable file not found in $PATH"}) {
    const Error error = said(127, words);
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(error.Text().find("--in gcc:13: there is no gcc in it"), std::string::npos) << error.Text();
  }
  EXPECT_NE(said(125, "Error: short-name \"gcc:13\" did not resolve to an alias").hint().find("docker.io"),
            std::string::npos);
  EXPECT_NE(
      said(126, "Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted").hint().find("ulimits"),
      std::string::npos);
  EXPECT_NE(said(126, "Error: crun: cgroups in hybrid mode not supported").hint().find("runc"),
            std::string::npos);
  EXPECT_EQ(said(126, "Error: other").code(), ErrorCode::kUnavailable);
}

TEST(ToolchainTest, ACompilerThatFailsIsAnError) {
  sys::FakeSpawner spawner;
  spawner.answers["gcc --version"] = {.status = {.code = 1}, .errors = "broken"};
  const auto found = Identify(spawner);
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().Text().find("broken"), std::string::npos);
}

}  // namespace
}  // namespace kiln::build
