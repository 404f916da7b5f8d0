#include "build/container.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/strings.h"
#include "golden.h"
#include "sys/files.h"

namespace kiln::build {
namespace {

const sys::Command kMake{
    .argv = {"make", "-C", "/src", "O=/out", "CC=ccache gcc"},
    .environment = std::vector<std::string>{"PATH=/mine", "HOME=/home/me", "TMPDIR=/home/me/tmp",
                                            "API_TOKEN=secret", "LANG=C", "KCFLAGS=-O1 -g"},
    .directory = "/out"};

std::string Lines(const sys::Command& command) { return Join(command.argv, "\n") + "\n"; }

TEST(ContainerTest, PodmanIsTold) {
  Container container{.engine = Engine::kPodman,
                      .program = "/usr/bin/podman",
                      .image = "gcc:13",
                      .mounts = {{.path = "/src"}, {.path = "/out", .writable = true}},
                      .environment = {"CCACHE_DIR=/cc"},
                      .name = "kiln-build-1"};
  testing_support::ExpectGolden("build/podman-run.txt", Lines(InContainer(container, kMake)));
  testing_support::ExpectGolden("build/podman-up.txt", Join(UpArguments(container, "kiln-1"), "\n") + "\n");
  EXPECT_EQ(Join(DownArguments(container, "kiln-1"), " "),
            "/usr/bin/podman rm --force --ignore --time=0 kiln-1");
  container.running = "kiln-1";
  testing_support::ExpectGolden("build/podman-exec.txt", Lines(InContainer(container, kMake)));
}

TEST(ContainerTest, BubblewrapIsTold) {
  const Container container{.engine = Engine::kBubblewrap,
                            .program = "/usr/bin/bwrap",
                            .image = "/roots/sid",
                            .parts = {{.path = "bin", .link = "usr/bin"}, {.path = "etc"}, {.path = "usr"}},
                            .mounts = {{.path = "/src"}, {.path = "/out", .writable = true}}};
  testing_support::ExpectGolden("build/bubblewrap.txt", Lines(InContainer(container, kMake)));
}

TEST(ContainerTest, ARootFolderLeavesRoomForMounts) {
  const auto root = *sys::TempDir::Create("/tmp", "kiln-root");
  for (const char* name : {"usr/bin", "usr/src/other", "home/them", "proc/1", "tmp/x"})
    ASSERT_TRUE(sys::MakeDirectories(sys::JoinPath(root.path(), name)));
  ASSERT_EQ(::symlink("usr/bin", sys::JoinPath(root.path(), "bin").c_str()), 0);
  ASSERT_EQ(::symlink("var/srv", sys::JoinPath(root.path(), "srv").c_str()), 0);
  using Parts = std::vector<Container::Part>;
  EXPECT_EQ(PartsOfRoot(root.path(), {}), (Parts{{"bin", "usr/bin"}, {"home"}, {"srv", "var/srv"}, {"usr"}}));
  EXPECT_EQ(PartsOfRoot(root.path(), {{"/usr/src/linux"}, {"/home"}, {"/srv/linux"}, {"/tmp/x"}}),
            (Parts{{"bin", "usr/bin"}, {"usr/bin"}, {"usr/src/other"}}));
}

TEST(ContainerTest, WhatIsBoundFollowsFromTheMounts) {
  const auto root = *sys::TempDir::Create("/tmp", "kiln-root");
  for (const char* name : {"usr/src/other", "home/them", "var/cache"})
    ASSERT_TRUE(sys::MakeDirectories(sys::JoinPath(root.path(), name)));
  const std::string ccache = sys::JoinPath(root.path(), "ccache");
  using Parts = std::vector<Container::Part>;
  Container container{.engine = Engine::kBubblewrap, .image = root.path()};
  SetMounts(container, {{.path = "/usr/src/linux"}});
  EXPECT_EQ(container.parts, (Parts{{"home"}, {"usr/src/other"}, {"var"}}));
  SetMounts(container, {{.path = "/var/cache", .writable = true}});
  EXPECT_EQ(container.mounts, (std::vector<Mount>{{"/var/cache", true}}));
  EXPECT_EQ(container.parts, (Parts{{"home"}, {"usr"}}));
  ShareCcache(container, {{"CCACHE_DIR", ccache}});
  EXPECT_EQ(container.mounts, (std::vector<Mount>{{"/var/cache", true}, {ccache, true}}));
  EXPECT_EQ(container.parts, PartsOfRoot(root.path(), container.mounts));

  container = {.engine = Engine::kPodman, .image = "gcc:13"};
  SetMounts(container, {{.path = "/usr/src/linux"}});
  EXPECT_EQ(container.mounts, (std::vector<Mount>{{"/usr/src/linux"}}));
  EXPECT_EQ(container.parts, Parts());
}

TEST(ContainerTest, CcacheIsWhereItSays) {
  EXPECT_EQ(CcacheFolder({{"HOME", "/home/me"}}, false), "/home/me/.cache/ccache");
  EXPECT_EQ(CcacheFolder({{"HOME", "/home/me"}}, true), "/home/me/.ccache");
  EXPECT_EQ(CcacheFolder({{"HOME", "/home/me"}, {"XDG_CACHE_HOME", "/x"}}, false), "/x/ccache");
  EXPECT_EQ(CcacheFolder({{"CCACHE_DIR", "/c"}, {"HOME", "/home/me"}, {"XDG_CACHE_HOME", "/x"}}, true), "/c");
}

TEST(ContainerTest, TheEngineFollowsFromTheHost) {
  EXPECT_EQ(ChooseContainer("gcc:13", {.podman = "/p", .bubblewrap = "/b"})->engine, Engine::kPodman);
  EXPECT_EQ(
      ChooseContainer("/roots/sid", {.podman = "/p", .bubblewrap = "/b", .image_is_folder = true})->engine,
      Engine::kBubblewrap);
  const auto no_podman = ChooseContainer("gcc:13", {.bubblewrap = "/b"});
  ASSERT_FALSE(no_podman);
  EXPECT_EQ(no_podman.error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(ChooseContainer("/roots/sid", {.podman = "/p", .image_is_folder = true}));
  const auto no_folder = ChooseContainer("/roots/sid", {.podman = "/p", .bubblewrap = "/b"});
  ASSERT_FALSE(no_folder);
  EXPECT_NE(no_folder.error().Text().find("there is no such folder"), std::string::npos);
  const auto no_namespaces =
      ChooseContainer("/roots/sid", {.bubblewrap = "/b", .image_is_folder = true, .user_namespaces = false});
  ASSERT_FALSE(no_namespaces);
  EXPECT_EQ(no_namespaces.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(no_namespaces.error().hint().find("max_user_namespaces"), std::string::npos);
}

}  // namespace
}  // namespace kiln::build
