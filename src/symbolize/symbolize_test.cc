#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "crash/detector.h"
#include "crash/render.h"
#include "symbolize/disassemble.h"
#include "symbolize/log_facts.h"
#include "symbolize/objects.h"
#include "symbolize/sites.h"
#include "symbolize/sources.h"
#include "symbolize/symbolizer.h"
#include "sys/files.h"

namespace kiln::symbolize {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kRelease = "6.1.0-test";

TEST(Sites, AreFoundInEveryKindOfLine) {
  const auto sites = FindSites(
      "BUG: something\n"
      "RIP: 0010:foo.isra.0+0x12/0x340\n"
      "Call Trace:\n"
      " <TASK>\n"
      " foo.isra.0+0x12/0x340\n"
      " [<ffffffff81000012>] ? bar+0x2/0x10 [ext4 0123456789abcdef0123456789abcdef01234567]\n"
      " [<ffffffff81000044>]\n"
      " baz+0x1/0x2 fs/exec.c:12\n"
      "2 locks held by a/1:\n"
      " #0: ffff888 (&lock){+.+.}-{3:3}, at: take+0x5/0x20\n"
      "RAX: ffffffff81000044 RBX: 0000000000000000\n");
  ASSERT_EQ(sites.size(), 6U);
  EXPECT_EQ(sites[0].symbol, "foo.isra.0");
  EXPECT_TRUE(sites[0].is_pc);
  EXPECT_EQ(sites[0].offset, 0x12U);
  EXPECT_EQ(sites[0].size, 0x340U);
  EXPECT_TRUE(sites[1].is_pc) << "the same place as where the CPU was";
  EXPECT_EQ(sites[2].module, "ext4");
  EXPECT_EQ(sites[2].build_id, "0123456789abcdef0123456789abcdef01234567");
  EXPECT_EQ(sites[2].address, 0xffffffff81000012U);
  EXPECT_TRUE(sites[2].is_unreliable);
  EXPECT_EQ(sites[3].symbol, "");
  EXPECT_EQ(sites[3].address, 0xffffffff81000044U);
  EXPECT_TRUE(sites[4].has_source);
  EXPECT_EQ(sites[5].symbol, "take");
  EXPECT_FALSE(sites[5].is_pc);
}

TEST(Sites, AnnotatedTextReadsLikeASymbolizedLog) {
  const std::string text = "Call Trace:\n  ? foo+0x12/0x340 [mod]\n";
  const auto sites = FindSites(text);
  ASSERT_EQ(sites.size(), 1U);
  const std::vector<std::optional<Decoded>> decoded = {
      Decoded{.frames = {{"inner", "include/x.h", 3}, {"foo", "fs/exec.c", 12}}}};
  EXPECT_EQ(AnnotatedText(text, sites, decoded),
            "Call Trace:\n  ? inner include/x.h:3 [inline]\n  ? foo+0x12/0x340 [mod] fs/exec.c:12\n");
  EXPECT_EQ(AnnotatedText(text, sites, {std::nullopt}), text);
}

TEST(Sites, PathsAreThoseOfTheTree) {
  EXPECT_EQ(TreePath("/build/linux/fs/exec.c", {"/build/linux/"}), "fs/exec.c");
  EXPECT_EQ(TreePath("/build/linux/out/../fs/exec.c", {"/build/", "/build/linux/"}), "fs/exec.c");
  EXPECT_EQ(TreePath("debian/out/fs/exec.c", {"/debian/out/"}), "fs/exec.c");
  EXPECT_EQ(TreePath("./fs/exec.c", {}), "fs/exec.c");
  EXPECT_EQ(TreePath("/elsewhere/mod.c", {"/build/linux/"}), "/elsewhere/mod.c");
}

TEST(LogFacts, TellOneKernelFromAnother) {
  LogFacts facts;
  facts.Read("Linux version 6.1.0-test (kiln@test) (cc) #7 SMP");
  facts.Read("Kernel Offset: 0x1c000000 from 0xffffffff81000000 (relocation range: 0x...)");
  EXPECT_EQ(facts.kernel_offset, 0x1c000000U);
  elf::ObjectFacts object{.banner = "Linux version 6.1.0-test (kiln@test) (cc) #7 SMP"};
  EXPECT_EQ(KernelMismatch(facts, "6.1.0-test #7", "", object), "");
  object.banner = "Linux version 6.1.0-test (kiln@test) (cc) #8 SMP";
  EXPECT_THAT(KernelMismatch(facts, "", "", object), HasSubstr("#8"));
  EXPECT_THAT(KernelMismatch({}, "6.1.0-test #7 Debian", "", object), HasSubstr("#7"));
  EXPECT_EQ(KernelMismatch({}, "6.1.0-test #8 Debian", "", object), "");
  object.banner = "Linux version 5.4.0 (a@b) (cc) #7 SMP";
  EXPECT_EQ(KernelMismatch(facts, "", "", object), "the log is of 6.1.0-test, the file of 5.4.0");
  EXPECT_EQ(KernelMismatch({}, "", "", object), "") << "nothing is known";
  object.build_id = "aa";
  EXPECT_EQ(KernelMismatch(facts, "", "aa", object), "") << "the build-id is the surest sign";
  EXPECT_THAT(KernelMismatch(facts, "", "bb", object), HasSubstr("build bb"));
}

TEST(PickBySize, PrefersTheSizeThatTheLogHas) {
  const std::vector<elf::Symbol> twins = {{.address = 1, .size = 0x20, .extent = 0x20},
                                          {.address = 2, .size = 0x38, .extent = 0x40},
                                          {.address = 3, .size = 0x51, .extent = 0x80}};
  bool exact = false;
  EXPECT_EQ(PickBySize(twins, 0x40, exact)->address, 2U);
  EXPECT_TRUE(exact);
  EXPECT_EQ(PickBySize(twins, 0x60, exact)->address, 3U);
  EXPECT_TRUE(exact) << "padding counts for the kernel";
  (void)PickBySize(twins, 0x1000, exact);
  EXPECT_FALSE(exact);
  EXPECT_FALSE(PickBySize({}, 0x40, exact));
}

TEST(PickLastOfSection, ReachesToWhatTheLoaderPutsBehind) {
  const auto row = [](uint64_t address, uint32_t extent, uint32_t section) {
    return elf::SymbolIndex::SymbolRow{
        .address = address, .size = extent, .extent = extent, .name = 0, .section = section};
  };
  // softdog.ko of Debian's 6.1: the kernel says softdog_fire.cold+0x21/0xeec, as its page ends there.
  const std::string bytes = elf::SymbolIndex::Build({.is_relocatable = true},
                                                    {{row(0x0, 0xe0, 3), "softdog_ping"},
                                                     {row(0xe0, 0x28, 3), "softdog_fire"},
                                                     {row(0x108, 0xa4, 9), "softdog_fire.cold"}},
                                                    {});
  const auto index = elf::SymbolIndex::Open(bytes);
  ASSERT_TRUE(index);
  const auto last = PickLastOfSection(*index, index->Named("softdog_fire.cold"), 0xeec);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->address, 0x108U);
  EXPECT_TRUE(PickLastOfSection(*index, index->Named("softdog_fire"), 0x34))
      << "the next section's alignment";
  EXPECT_FALSE(PickLastOfSection(*index, index->Named("softdog_fire"), 0x20));
  EXPECT_FALSE(PickLastOfSection(*index, index->Named("softdog_ping"), 0x100)) << "not the last";
}

TEST(CodeBytes, OfEveryMachine) {
  const auto x86 = ReadCodeBytes("48 89 e5 <0f> 0b 66");
  ASSERT_TRUE(x86);
  EXPECT_EQ(x86->here, 3U);
  EXPECT_EQ(x86->bytes.size(), 6U);
  const auto arm = ReadCodeBytes("d2800001 (d4210000)");
  ASSERT_TRUE(arm);
  EXPECT_EQ(arm->here, 4U);
  EXPECT_THAT(arm->bytes, ElementsAre(1, 0, 0x80, 0xd2, 0, 0, 0x21, 0xd4));
  EXPECT_FALSE(ReadCodeBytes("Bad RIP value."));
  EXPECT_FALSE(ReadCodeBytes("Unable to access opcode bytes at RIP 0xffffffffff."));
  EXPECT_FALSE(ReadCodeBytes("48 89 e5"));
  EXPECT_FALSE(ReadCodeBytes(""));
}

std::vector<crash::Instruction> X86(std::string_view code, uint64_t address,
                                    std::optional<uint64_t> start = std::nullopt) {
  auto read = Disassemble(
      *ReadCodeBytes(code),
      {.machine = Machine::kX86_64, .address = address, .function_start = start, .name = [](uint64_t target) {
         return fmt::format("at {:#x}", target);
       }});
  EXPECT_TRUE(read) << read.error().Text();
  return read ? *read : std::vector<crash::Instruction>();
}

TEST(Disassemble, MarksTheInstructionAndNamesTargets) {
  const auto read = X86("55 48 89 e5 <0f> 0b e8 05 00 00 00", 0x1004, 0x1000);
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read[0].text, "push rbp");
  EXPECT_EQ(read[1].text, "mov rbp, rsp");
  EXPECT_TRUE(read[2].is_here);
  EXPECT_EQ(read[2].text, "ud2");
  EXPECT_EQ(read[3].target, "at 0x1010");
}

TEST(Disassemble, FindsIntoStepBeforeTheInstruction) {
  // The first two bytes are the end of a longer instruction (mov rdi, imm32): reading from them would give
  // others.
  const auto read =
      X86("a0 81 48 89 f2 48 89 fe 48 c7 c7 40 b5 fa 81 e8 8a 9a fe ff <0f> 0b 48 89 fe", 0xffffffff81000100);
  ASSERT_GE(read.size(), 5U);
  const auto here = std::ranges::find_if(read, &crash::Instruction::is_here);
  ASSERT_NE(here, read.end());
  EXPECT_EQ(here->text, "ud2");
  ASSERT_GE(here - read.begin(), 3);
  EXPECT_THAT((here - 1)->text, HasSubstr("call"));
  EXPECT_EQ((here - 2)->bytes, "48 c7 c7 40 b5 fa 81");
  EXPECT_EQ((here - 3)->text, "mov rsi, rdi");
}

TEST(Disassemble, BytesThatAreNoInstructionAreShown) {
  const auto read = X86("90 <06> 90", 0x1001);
  EXPECT_TRUE(std::ranges::any_of(read, &crash::Instruction::is_here));
  const auto arm =
      Disassemble(*ReadCodeBytes("d2800001 (d4210000)"), {.machine = Machine::kArm64, .address = 4});
  ASSERT_TRUE(arm);
  EXPECT_THAT(arm->back().text, HasSubstr("brk"));
}

class World : public ::testing::Test {
 protected:
  World()
      : dir_(*sys::TempDir::Create(testing::TempDir(), "symbolize")),
        cache_(dir_.path() + "/cache", clock_, log_) {}

  // Counts what is asked of the real one.
  class CountingDecoder final : public Decoder {
   public:
    Result<std::string> Index(const std::string& path) override {
      ++indexes;
      return real_.Index(path);
    }
    Result<std::string> Units(const std::string& path, const std::vector<uint64_t>& units) override {
      decoded += units.size();
      return real_.Units(path, units);
    }
    size_t indexes = 0;
    size_t decoded = 0;

   private:
    DirectDecoder real_;
  };

  // A log whose trace names functions of the fixture as they are, `slip` bytes off in their size.
  std::string Log(uint64_t slip = 0,
                  std::string_view banner = "Linux version 6.1.0-test (kiln@test) (cc) #7 SMP") {
    const std::string bytes = *DirectDecoder().Index(KILN_FIXTURE_PROGRAM);
    const auto index = elf::SymbolIndex::Open(bytes);
    const auto place = [&](std::string_view name, uint64_t offset) {
      return fmt::format("{}+{:#x}/{:#x}", name, offset, index->Named(name)[0].extent + slip);
    };
    return fmt::format(
        "[    0.000000] {}\n"
        "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
        "[    1.000001] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-test #7\n"
        "[    1.000002] RIP: 0010:{}\n"
        "[    1.000003] Code: 55 48 89 e5 <8b> 07 c3\n"
        "[    1.000004] Call Trace:\n"
        "[    1.000005]  <TASK>\n"
        "[    1.000006]  {}\n"
        "[    1.000007]  {}\n"
        "[    1.000008]  {}\n"
        "[    1.000009]  </TASK>\n",
        banner, place("fixture_outer", 0), place("fixture_caller", 0xa), place("fixture_caller", 0xa),
        place("_start", 5));
  }

  crash::Report Symbolize(const std::string& log, SymbolizeOptions options) {
    ObjectStore objects(decoder_, &cache_, clock_, log_);
    sys::FakeSpawner spawner;
    Symbolizer symbolizer(std::move(options), objects, spawner);
    LogFacts facts;
    for (const auto line : SplitLines(log)) facts.Read(line);
    auto reports = crash::ReadReports(log);
    EXPECT_EQ(reports.size(), 1U);
    if (reports.empty()) return {};
    symbolizer.Symbolize(reports[0], facts);
    return reports[0];
  }

  static SymbolizeOptions Named(const std::string& vmlinux = KILN_FIXTURE_PROGRAM) {
    SymbolizeOptions options;
    options.sources.vmlinux = vmlinux;
    options.sources.system = false;
    return options;
  }

  SystemClock clock_;
  MemoryLog log_;
  sys::TempDir dir_;
  store::Cache cache_;
  CountingDecoder decoder_;
};

TEST_F(World, EveryFrameGetsItsLine) {
  const auto report = Symbolize(Log(), Named());
  EXPECT_THAT(report.notes, IsEmpty());
  EXPECT_THAT(report.symbol_files, ElementsAre(KILN_FIXTURE_PROGRAM));
  EXPECT_THAT(report.text, HasSubstr("symbols_fixture.c:"));
  ASSERT_GE(report.stacks.size(), 2U);
  EXPECT_THAT(report.stacks[0].frames.back().file, HasSubstr("symbols_fixture.c:"));
  for (const auto& frame : report.stacks[1].frames)
    EXPECT_THAT(frame.file, HasSubstr("symbols_fixture.c:")) << frame.function;
  const auto here = std::ranges::find_if(report.instructions, &crash::Instruction::is_here);
  ASSERT_NE(here, report.instructions.end());
  EXPECT_THAT(here->source, HasSubstr("symbols_fixture.c:"));
  EXPECT_THAT(crash::Render(crash::OutputFormat::kText, report, {}), HasSubstr("> 8b 07"));
}

TEST_F(World, WhatWasReadIsRememberedAndADamagedMemoryIsMadeAgain) {
  // The fixture may have been built a moment ago; what is fresh is not remembered.
  class Later final : public Clock {
   public:
    TimePoint Now() const override { return SystemClock().Now(); }
    WallTime WallNow() const override { return SystemClock().WallNow() + std::chrono::hours(1); }
  } later;
  const auto ask = [&] {
    ObjectStore objects(decoder_, &cache_, later, log_);
    const auto object = objects.Open(KILN_FIXTURE_PROGRAM);
    ASSERT_TRUE(object) << object.error().Text();
    const auto symbol = (*object)->index().Named("fixture_outer");
    ASSERT_EQ(symbol.size(), 1U);
    ASSERT_TRUE(objects.Prepare(**object, {symbol[0].address}));
    EXPECT_FALSE((*object)->SourceAt(symbol[0].address).empty());
  };
  ask();
  EXPECT_EQ(decoder_.indexes, 1U);
  EXPECT_EQ(decoder_.decoded, 1U);
  ask();
  EXPECT_EQ(decoder_.indexes, 1U);
  EXPECT_EQ(decoder_.decoded, 1U);
  for (const auto* kind : {"symbol-index", "debug-units"}) {
    const std::string folder = dir_.path() + "/cache/" + kind;
    const auto keys = sys::ListDirectory(folder);
    ASSERT_TRUE(keys);
    for (const auto& key : *keys) {
      for (const auto* name : {"index", "units"}) {
        const std::string path = folder + "/" + key + "/" + name;
        const auto bytes = sys::ReadFile(path);
        if (!bytes) continue;
        std::string damaged = *bytes;
        damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
        ASSERT_TRUE(sys::WriteFileAtomic(path, damaged));
      }
    }
  }
  ask();
  EXPECT_EQ(decoder_.indexes, 2U);
  EXPECT_EQ(decoder_.decoded, 2U);
}

TEST_F(World, AnotherKernelIsSaidAndUsedOnlyWhenTold) {
  const std::string log = Log(0, "Linux version 6.1.0-test (kiln@test) (cc) #8 SMP");
  auto report = Symbolize(log, Named());
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("is not the kernel of this log")));
  EXPECT_THAT(report.text, Not(HasSubstr("symbols_fixture.c")));
  auto options = Named();
  options.any_kernel = true;
  report = Symbolize(log, options);
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("used all the same")));
  EXPECT_THAT(report.text, HasSubstr("symbols_fixture.c"));
}

TEST_F(World, AStrippedKernelIsNotTakenForAnotherOne) {
  const std::string stripped = sys::JoinPath(dir_.path(), "stripped");
  sys::SystemSpawner spawner;
  const auto done = spawner.Run({.argv = {"strip", "-o", stripped, KILN_FIXTURE_PROGRAM}});
  ASSERT_TRUE(done && done->status.ok());
  const auto report = Symbolize(Log(), Named(stripped));
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("has no symbols")));
  EXPECT_THAT(report.text, HasSubstr("fixture_caller"));
}

TEST_F(World, SizesThatDoNotFitTellAnotherKernelToo) {
  const auto report = Symbolize(Log(0x1000, "nothing"), Named());
  ASSERT_FALSE(report.notes.empty());
  EXPECT_THAT(report.notes[0], HasSubstr("have another size"));
  EXPECT_THAT(report.text, Not(HasSubstr("symbols_fixture.c")));
}

TEST_F(World, SlipsAreToldByName) {
  ObjectStore objects(decoder_, &cache_, clock_, log_);
  EXPECT_THAT(objects.Open("/none/vmlinux").error().Text(), HasSubstr("/none/vmlinux"));
  EXPECT_THAT(objects.Open(dir_.path()).error().Text(), HasSubstr("is a folder"));
  const std::string path = dir_.path() + "/file";
  ASSERT_TRUE(sys::WriteFileAtomic(path, ""));
  EXPECT_THAT(objects.Open(path).error().Text(), HasSubstr("is empty"));
  ASSERT_TRUE(sys::WriteFileAtomic(path, "MZ this is a bzImage"));
  EXPECT_THAT(objects.Open(path).error().TextWithHint(), HasSubstr("not in a bzImage"));
  const auto whole = sys::ReadFile(KILN_FIXTURE_PROGRAM);
  ASSERT_TRUE(sys::WriteFileAtomic(path, std::string_view(*whole).substr(0, 200)));
  EXPECT_THAT(objects.Open(path).error().Text(), HasSubstr(path));
}

TEST_F(World, ADecoderThatDiesIsAnErrorOfTheFile) {
  sys::FakeSpawner spawner;
  spawner.answers["decode"] = {.status = {.code = 0, .signal = 11}, .output = "", .errors = ""};
  ChildDecoder decoder(spawner, {"decode"});
  const auto index = decoder.Index("/x/vmlinux");
  ASSERT_FALSE(index);
  EXPECT_THAT(index.error().Text(), HasSubstr("/x/vmlinux cannot be read"));
  spawner.answers["decode"] = {
      .status = {.code = 1, .signal = 0}, .output = "", .errors = "corrupt\ntoo odd\nbuild it\n"};
  EXPECT_EQ(decoder.Index("/x").error().TextWithHint(), "too odd\n  hint: build it");
}

TEST_F(World, SourcesAreLookedForInOrder) {
  const std::string root = dir_.path();
  for (const auto* name : {"usr/lib/debug/boot/vmlinux-6.1.0-test", "tree/vmlinux",
                           "usr/lib/modules/6.1.0-test/kernel/snd-hda.ko",
                           "usr/lib/debug/lib/modules/6.1.0-test/kernel/snd-hda.ko.debug",
                           "usr/lib/debug/.build-id/ab/cdef01.debug"}) {
    const std::string path = sys::JoinPath(root, name);
    ASSERT_TRUE(sys::MakeDirectories(std::string(sys::DirName(path))));
    ASSERT_TRUE(sys::WriteFileAtomic(path, "x"));
  }
  sys::FakeSpawner spawner;
  Sources sources({.tree = root + "/tree", .root = root}, spawner);
  EXPECT_THAT(sources.Kernels(kRelease),
              ElementsAre(root + "/tree/vmlinux", root + "/usr/lib/debug/boot/vmlinux-6.1.0-test"));
  EXPECT_THAT(sources.Kernels("../../etc"), ElementsAre(root + "/tree/vmlinux"));
  EXPECT_THAT(sources.Modules("snd_hda", kRelease),
              ElementsAre(root + "/usr/lib/debug/lib/modules/6.1.0-test/kernel/snd-hda.ko.debug",
                          root + "/usr/lib/modules/6.1.0-test/kernel/snd-hda.ko"));
  EXPECT_THAT(sources.DebugFiles("/x/y.ko", "abcdef01", ""),
              ElementsAre(root + "/usr/lib/debug/.build-id/ab/cdef01.debug"));
  EXPECT_EQ(sources.Download("abcdef0123"), "");
  EXPECT_TRUE(spawner.commands.empty()) << "servers are asked only when that was wanted";
}

TEST_F(World, ServersAreAskedUntilTheyFail) {
  const std::string got = dir_.path() + "/debuginfo";
  ASSERT_TRUE(sys::WriteFileAtomic(got, "x"));
  const SourceOptions options{
      .system = false, .debuginfod = true, .server_environment = {{"DEBUGINFOD_URLS=http://x/"}}};
  sys::FakeSpawner spawner;
  spawner.answers["debuginfod-find"] = {.status = {}, .output = got + "\n", .errors = ""};
  Sources sources(options, spawner);
  EXPECT_EQ(sources.Download("0123456789abcdef"), got);
  ASSERT_EQ(spawner.commands.size(), 1U);
  EXPECT_THAT(spawner.commands[0].argv, ElementsAre("debuginfod-find", "debuginfo", "0123456789abcdef"));
  EXPECT_THAT(*spawner.commands[0].environment, ElementsAre("DEBUGINFOD_URLS=http://x/"));
  EXPECT_EQ(sources.Download("--help"), "") << "only what is a build-id";
  EXPECT_EQ(sources.Download("../../../etc/passwd"), "");
  EXPECT_EQ(spawner.commands.size(), 1U);

  spawner.answers["debuginfod-find"] = {
      .status = {.code = 1}, .output = "", .errors = "Server query failed: No such file or directory\n"};
  EXPECT_EQ(sources.Download("aabbccddeeff0011"), "");
  EXPECT_EQ(sources.server_trouble(), "") << "it has none, and may have another";
  spawner.answers["debuginfod-find"] = {
      .status = {.code = 1}, .output = "", .errors = "Server query failed: Connection refused\n"};
  EXPECT_EQ(sources.Download("aabbccddeeff0011"), "");
  EXPECT_THAT(sources.server_trouble(), HasSubstr("Connection refused"));
  const size_t asked = spawner.commands.size();
  EXPECT_EQ(sources.Download("aabbccddeeff0022"), "");
  EXPECT_EQ(spawner.commands.size(), asked) << "once is enough";
}

}  // namespace
}  // namespace kiln::symbolize
