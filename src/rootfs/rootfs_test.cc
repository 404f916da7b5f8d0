#include <gtest/gtest.h>

#include "rootfs/disk_image.h"
#include "rootfs/initramfs.h"
#include "rootfs/plan.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::rootfs {
namespace {

const HostHas kEverything = [](const std::string&) { return true; };
const HostHas kNothing = [](const std::string&) { return false; };

std::string Text(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    if (const auto* folder = std::get_if<MakeFolder>(&step))
      text += fmt::format("{} {:o} {}\n", folder->opaque ? "hide" : "mkdir", folder->mode, folder->path);
    if (const auto* mount = std::get_if<MountStep>(&step)) {
      text += fmt::format("mount {} {} {} {}\n", mount->type, mount->source, mount->target,
                          mount->read_only ? "ro" : "rw");
    }
    if (const auto* root = std::get_if<SwitchRoot>(&step)) text += fmt::format("switch {}\n", root->path);
    if (const auto* gone = std::get_if<UnmountStep>(&step)) text += fmt::format("unmount {}\n", gone->target);
    if (const auto* modified = std::get_if<SetModified>(&step))
      text += fmt::format("modified {} {}\n", modified->mtime_ns, modified->path);
    if (const auto* left = std::get_if<LeaveRoot>(&step)) text += fmt::format("leave {}\n", left->path);
    if (const auto* device = std::get_if<AwaitDevice>(&step)) text += fmt::format("await {}\n", device->path);
  }
  return text;
}

std::string Text(const RootPlan& plan) {
  std::string text;
  for (const Export& share : plan.exports) {
    text += fmt::format("export {} as {} {}\n", share.host_path, share.tag, share.writable ? "rw" : "ro");
  }
  if (!plan.early_steps.empty()) text += Text(plan.early_steps) + "-- of the host\n";
  return text + Text(plan.steps) + "in " + plan.directory;
}

TEST(PlanRoot, HostIsAnOverlayOverNineP) {
  const auto plan = PlanRoot({.kind = RootKind::kHost, .path = "/", .directory = "/home/me/x"}, {}, kNothing);
  ASSERT_TRUE(plan);
  EXPECT_EQ(Text(*plan),
            "export / as kroot ro\n"
            "mkdir 755 /kiln/lower\n"
            "mkdir 755 /kiln/root\n"
            "mount tmpfs tmpfs /kiln/upper rw\n"
            "mkdir 755 /kiln/upper/upper\n"
            "mkdir 755 /kiln/upper/work\n"
            "mkdir 755 /kiln/upper/upper/etc\n"
            "mount tmpfs tmpfs /run rw\n"
            "mkdir 1777 /run/lock\n"
            "mkdir 755 /run/user\n"
            "-- of the host\n"
            "mount 9p kroot /kiln/lower ro\n"
            "mount overlay kiln /kiln/root rw\n"
            "switch /kiln/root\n"
            "in /home/me/x");
}

// What is hidden is never looked at, so the guest asks the host for nothing but the folder of the root
// itself.
TEST(PlanRoot, TheHostCanBeTheRootOfWhatIsFrozen) {
  RootRequest request{.kind = RootKind::kHost, .path = "/", .directory = "/home/me/x"};
  request.shares = {{"/data", "/srv/data", true}, {"/d", "/dev/d", false}};
  const auto plan = PlanRoot(request, {}, kNothing);
  ASSERT_TRUE(plan && plan->early_root);
  EXPECT_EQ(Text(plan->early_root->folders) + Text(plan->early_root->mounts),
            "hide 755 /kiln/upper/upper/proc\n"
            "hide 755 /kiln/upper/upper/sys\n"
            "hide 755 /kiln/upper/upper/dev\n"
            "hide 755 /kiln/upper/upper/run\n"
            "mount 9p kroot /kiln/lower ro\n"
            "mount overlay kiln /kiln/root rw\n"
            "switch /kiln/root\n");
  EXPECT_EQ(Text(plan->early_root->later), "mount 9p kshare1 /dev/d ro\nmount 9p kshare2 /srv/data rw\n");
  EXPECT_EQ(plan->early_root->share.tag, "kroot");
}

// The copies only cover what is frozen: who mounts the root anew sees the host's files of then.
TEST(PlanRoot, CopiesLieAboveTheHostsFiles) {
  RootRequest request{.kind = RootKind::kHost, .path = "/"};
  request.copies.push_back({.path = "/lib", .state = {.mtime_ns = 7}, .target = "usr/lib"});
  const auto plan = PlanRoot(request, {}, kNothing);
  ASSERT_TRUE(plan && plan->early_root);
  ASSERT_EQ(plan->early_root->copies.size(), 1U);
  const auto lower = [](const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      const auto* mount = std::get_if<MountStep>(&step);
      if (mount != nullptr && mount->type == "overlay")
        return mount->options.substr(0, mount->options.find(','));
    }
    return std::string("none");
  };
  EXPECT_EQ(lower(plan->early_root->mounts), "lowerdir=/kiln/copies:/kiln/lower");
  EXPECT_EQ(lower(plan->steps), "lowerdir=/kiln/lower");
  EXPECT_NE(Text(plan->early_root->folders).find("modified 7 /kiln/copies/lib\n"), std::string::npos);
}

TEST(PlanRoot, OnlyTheHostsRootAndOnlyWhereItCanBeHiddenIsFrozen) {
  const RootRequest host{.kind = RootKind::kHost, .path = "/", .directory = "/run/here"};
  const auto here = PlanRoot(host, {}, kNothing);
  ASSERT_TRUE(here && here->early_root);
  EXPECT_EQ(Text(here->early_root->folders).find("upper/run"), std::string::npos);
  for (const GuestAbilities& guest : {GuestAbilities{.overlay = false}, GuestAbilities{.tmpfs = false},
                                      GuestAbilities{.covers_folders = false}})
    EXPECT_FALSE(PlanRoot(host, guest, kNothing)->early_root);
  EXPECT_FALSE(PlanRoot({.kind = RootKind::kInitramfs}, {}, kNothing)->early_root);
  EXPECT_FALSE(PlanRoot({.kind = RootKind::kDirectory, .path = "/r"}, {}, kNothing)->early_root);
}

// A kernel that was built or unpacked, and not installed in the root.
TEST(PlanRoot, TheKernelsModulesAreWhereModprobeLooks) {
  const auto exports = [](RootKind kind, const std::string& path, const std::string& modules,
                          const GuestAbilities& guest = {}) {
    const auto plan =
        PlanRoot({.kind = kind, .path = path, .file_system = "ext4", .modules = modules}, guest, kNothing);
    const std::string text = plan ? Text(*plan) : plan.error().Text();
    if (text.find("export " + modules) == std::string::npos) return std::string("none");
    const size_t mount = text.find("mount 9p kshare");
    return text.substr(mount, text.find('\n', mount) - mount);
  };
  const std::string built = "/cache/lib/modules/6.1.0-x";
  EXPECT_EQ(exports(RootKind::kHost, "/", built), "mount 9p kshare1 /kiln/root/lib/modules/6.1.0-x ro");
  EXPECT_EQ(exports(RootKind::kDirectory, "/r", built), "mount 9p kshare1 /kiln/root/lib/modules/6.1.0-x ro");
  EXPECT_EQ(exports(RootKind::kDisk, "/r.img", built), "mount 9p kshare0 /kiln/root/lib/modules/6.1.0-x ro");
  // The root has them.
  EXPECT_EQ(exports(RootKind::kHost, "/", "/usr/lib/modules/6.1.0-x"), "none");
  EXPECT_EQ(exports(RootKind::kHost, "/", "/lib/modules/6.1.0-x"), "none");
  EXPECT_EQ(exports(RootKind::kDirectory, "/r", "/r/lib/modules/6.1.0-x"), "none");
  // Nothing of the host, or nowhere to put them, or no way to show them.
  EXPECT_EQ(exports(RootKind::kInitramfs, "", built), "none");
  EXPECT_EQ(exports(RootKind::kHost, "/", built, {.overlay = false}), "none");
  EXPECT_EQ(exports(RootKind::kDisk, "/r.img", built, {.nine_p = false}), "none");
}

TEST(PlanRoot, SharesAreMountedOuterFirst) {
  const auto plan = PlanRoot({.kind = RootKind::kInitramfs,
                              .shares = {{"/a/b", "/w/in", true}, {"/a", "/w", false}},
                              .directory = "/w/src",
                              .directory_required = true},
                             {}, [](const std::string& path) { return path == "/a/src"; });
  ASSERT_TRUE(plan) << plan.error().Text();
  EXPECT_EQ(Text(*plan),
            "export /a as kshare0 ro\n"
            "export /a/b as kshare1 rw\n"
            "mkdir 755 /etc\n"
            "-- of the host\n"
            "mount 9p kshare0 /w ro\n"
            "mount 9p kshare1 /w/in rw\n"
            "in /w/src");
}

TEST(PlanRoot, SharesBelowWhatIsMovedIntoTheRootAreMountedOnIt) {
  const auto plan = PlanRoot(
      {.kind = RootKind::kHost, .path = "/", .shares = {{"/a", "/run/a", true}, {"/b", "/runner", false}}},
      {}, kEverything);
  ASSERT_TRUE(plan);
  const std::string text = Text(plan->steps);
  EXPECT_NE(text.find("mount 9p kshare1 /run/a rw"), std::string::npos) << text;
  EXPECT_NE(text.find("mount 9p kshare2 /kiln/root/runner ro"), std::string::npos) << text;
}

TEST(PlanDetachment, TakesAHostRootApartAndPutsItTogether) {
  const auto plan =
      PlanRoot({.kind = RootKind::kHost, .path = "/", .shares = {{"/a", "/a", true}}}, {}, kEverything);
  ASSERT_TRUE(plan);
  const Detachment detachment = PlanDetachment(plan->steps);
  EXPECT_EQ(Text(detachment.undo),
            "leave /kiln/root\n"
            "unmount /kiln/root/a\n"
            "unmount /kiln/root\n"
            "unmount /kiln/lower\n");
  EXPECT_EQ(Text(detachment.redo), Text(plan->steps));
}

TEST(PlanDetachment, TakesOnlyTheSharesFromARootOfItsOwn) {
  const auto disk = PlanRoot({.kind = RootKind::kDisk,
                              .path = "/i.img",
                              .file_system = "ext4",
                              .shares = {{"/a", "/mnt/a", true}, {"/b", "/mnt/a/b", false}}},
                             {}, kEverything);
  ASSERT_TRUE(disk);
  const Detachment detachment = PlanDetachment(disk->steps);
  EXPECT_EQ(Text(detachment.undo), "unmount /mnt/a/b\nunmount /mnt/a\n");
  EXPECT_EQ(Text(detachment.redo), "mount 9p kshare0 /mnt/a rw\nmount 9p kshare1 /mnt/a/b ro\n");
  const auto initramfs = PlanRoot({.kind = RootKind::kInitramfs}, {}, kEverything);
  EXPECT_TRUE(PlanDetachment(initramfs->steps).undo.empty());
}

TEST(PlanRoot, WithoutOverlayTheRootIsReadOnlyAndSaysSo) {
  const auto plan = PlanRoot({.kind = RootKind::kDirectory, .path = "/srv/root", .directory = "/nowhere"},
                             {.overlay = false}, kNothing);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->notes.size(), 1U);
  EXPECT_NE(plan->notes[0].find("CONFIG_OVERLAY_FS"), std::string::npos);
  EXPECT_EQ(plan->directory, "/");
}

TEST(PlanRoot, SaysWhatTheKernelLacks) {
  const auto host = PlanRoot({.kind = RootKind::kHost, .path = "/"}, {.nine_p = false}, kEverything);
  ASSERT_FALSE(host);
  EXPECT_NE(host.error().hint().find("CONFIG_9P_FS=y"), std::string::npos);
  EXPECT_TRUE(PlanRoot({.kind = RootKind::kInitramfs}, {.nine_p = false}, kEverything));
  EXPECT_FALSE(PlanRoot({.kind = RootKind::kInitramfs, .shares = {{"/a", "/a", false}}}, {.nine_p = false},
                        kEverything));
}

TEST(PlanRoot, AMissingFolderThatWasAskedForIsAnError) {
  const auto plan =
      PlanRoot({.kind = RootKind::kDirectory, .path = "/r", .directory = "/x", .directory_required = true},
               {}, kNothing);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().Text(), "the folder /x is not in the guest's root");
}

TEST(ParseShare, TakesPathsColonsAndModes) {
  EXPECT_EQ(ParseShare("src", "/home/me")->host_path, "/home/me/src");
  EXPECT_EQ(ParseShare("src", "/home/me")->guest_path, "/home/me/src");
  EXPECT_FALSE(ParseShare("src", "/home/me")->writable);
  const auto both = ParseShare("/a\\:b:/mnt/x:rw", "/");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->host_path, "/a:b");
  EXPECT_EQ(both->guest_path, "/mnt/x");
  EXPECT_TRUE(both->writable);
  EXPECT_TRUE(ParseShare("/a:rw", "/")->writable);
  for (const auto bad : {"", ":", "/a:", "/a:b", "/a:/b:/c", "/a:/", "/a:/b:rx"}) {
    EXPECT_FALSE(ParseShare(bad, "/")) << bad;
  }
}

TEST(Initramfs, SameInputsGiveTheSameBytes) {
  InitramfsInputs inputs{.agent = "AGENT",
                         .ready_modules = {{"virtio", "V"}, {"virtio_pci", "P"}},
                         .later_modules = {{"9p", "N"}},
                         .busybox = "BB",
                         .applets = {"ls", "sh", "../evil"}};
  const std::string first = MakeInitramfs(inputs)->Bytes();
  EXPECT_EQ(first, MakeInitramfs(inputs)->Bytes());
  EXPECT_NE(first.find("/kiln/mod/virtio.ko\n/kiln/mod/virtio_pci.ko\n-- ready\n/kiln/mod/9p.ko\n"),
            std::string::npos);
  EXPECT_EQ(first.find("evil"), std::string::npos);
  inputs.script = "S";
  EXPECT_NE(first, MakeInitramfs(inputs)->Bytes());
}

TEST(DiskImage, FileSystemsAreKnownByTheirMagic) {
  const auto dir = *sys::TempDir::Create(testing::TempDir(), "image");
  const std::string image = dir.path() + "/i";
  const auto probe = [&](size_t offset, std::string_view magic) {
    std::string bytes(70000, '\0');
    bytes.replace(offset, magic.size(), magic);
    EXPECT_TRUE(sys::WriteFileAtomic(image, bytes));
    return ProbeFileSystem(image);
  };
  EXPECT_EQ(*probe(0x438, "\x53\xef"), "ext4");
  EXPECT_EQ(*probe(0, "XFSB"), "xfs");
  EXPECT_EQ(*probe(0, "hsqs"), "squashfs");
  EXPECT_NE(probe(510, "\x55\xaa").error().Text().find("partition table"), std::string::npos);
  ASSERT_TRUE(sys::WriteFileAtomic(image, "short"));
  EXPECT_FALSE(ProbeFileSystem(image));
}

TEST(DiskImage, TreeStateSeesEveryChange) {
  const auto dir = *sys::TempDir::Create(testing::TempDir(), "tree");
  ASSERT_TRUE(sys::WriteFileAtomic(dir.path() + "/a", "1"));
  const auto before = *TreeState(dir.path());
  EXPECT_EQ(before, *TreeState(dir.path()));
  ASSERT_TRUE(sys::WriteFileAtomic(dir.path() + "/a", "12"));
  EXPECT_NE(before, *TreeState(dir.path()));
}

TEST(DiskImage, AFolderBecomesAnImage) {
  if (!sys::FindProgram("mke2fs", "/usr/sbin:/sbin:/usr/bin:/bin")) GTEST_SKIP() << "mke2fs is not installed";
  const auto dir = *sys::TempDir::Create(testing::TempDir(), "folder");
  ASSERT_TRUE(sys::MakeDirectories(dir.path() + "/root/etc"));
  ASSERT_TRUE(sys::WriteFileAtomic(dir.path() + "/root/etc/hello", "world"));
  sys::SystemSpawner spawner;
  const auto built = BuildFolderImage(spawner, dir.path() + "/root", dir.path() + "/image");
  ASSERT_TRUE(built) << built.error().TextWithHint();
  EXPECT_EQ(*ProbeFileSystem(dir.path() + "/image"), "ext4");
  sys::FakeSpawner none;
  EXPECT_NE(BuildFolderImage(none, "/x", "/y").error().hint().find("e2fsprogs"), std::string::npos);
}

TEST(FindAgent, LooksInTheBuildTreeAndThePrefix) {
  const auto dir = *sys::TempDir::Create(testing::TempDir(), "agent");
  const std::string program = dir.path() + "/bin/kiln";
  EXPECT_FALSE(FindAgent(program, ""));
  ASSERT_TRUE(sys::MakeDirectories(dir.path() + "/libexec/kiln"));
  ASSERT_TRUE(sys::WriteFileAtomic(dir.path() + "/libexec/kiln/kiln-agent", "x", 0755));
  EXPECT_EQ(*FindAgent(program, ""), dir.path() + "/libexec/kiln/kiln-agent");
  EXPECT_NE(FindAgent(program, "/nope").error().Text().find("KILN_AGENT"), std::string::npos);
}

}  // namespace
}  // namespace kiln::rootfs
