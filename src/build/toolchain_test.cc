#include "build/toolchain.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace kiln::build {
namespace {

ToolNames Names(std::string_view arch, ToolchainRequest request, std::string_view host = "x86_64") {
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
      false, "");
}

TEST(ToolchainTest, IsWhoItSaysItIs) {
  sys::FakeSpawner spawner;
  spawner.answers["gcc --version"] = {.output = "gcc (Debian 12.2.0-14) 12.2.0\nCopyright\n"};
  spawner.answers["gcc -print-prog-name=cc1"] = {.output = "/usr/lib/cc1\n"};
  spawner.answers["ld --version"] = {.output = "GNU ld 2.40\n"};
  spawner.answers["as --version"] = {.output = "GNU as 2.40\n"};
  const auto first = Identify(spawner);
  ASSERT_TRUE(first) << first.error().Text();
  EXPECT_EQ(first->description, "gcc (Debian 12.2.0-14) 12.2.0");
  EXPECT_EQ(Identify(spawner)->identity, first->identity);
  spawner.answers["ld --version"] = {.output = "GNU ld 2.41\n"};
  EXPECT_NE(Identify(spawner)->identity, first->identity);
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
