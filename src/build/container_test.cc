#include "build/container.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "golden.h"

namespace kiln::build {
namespace {

const sys::Command kMake{
    .argv = {"make", "-C", "/src", "O=/out", "CC=ccache gcc"},
    .environment = std::vector<std::string>{"PATH=/mine", "HOME=/home/me", "LANG=C", "KCFLAGS=-O1 -g"},
    .directory = "/out"};

std::string Lines(const sys::Command& command) { return Join(command.argv, "\n") + "\n"; }

TEST(ContainerTest, PodmanIsTold) {
  Container container{.engine = Engine::kPodman,
                      .program = "/usr/bin/podman",
                      .image = "gcc:13",
                      .mounts = {{.path = "/src"}, {.path = "/out", .writable = true}}};
  testing_support::ExpectGolden("build/podman-run.txt", Lines(InContainer(container, kMake)));
  testing_support::ExpectGolden("build/podman-up.txt", Join(UpArguments(container, "kiln-1"), "\n") + "\n");
  EXPECT_EQ(Join(DownArguments(container, "kiln-1"), " "), "/usr/bin/podman rm --force --time=2 kiln-1");
  container.running = "kiln-1";
  testing_support::ExpectGolden("build/podman-exec.txt", Lines(InContainer(container, kMake)));
}

TEST(ContainerTest, BubblewrapIsTold) {
  const Container container{.engine = Engine::kBubblewrap,
                            .program = "/usr/bin/bwrap",
                            .image = "/roots/sid",
                            .top = {{.name = "bin", .link = "usr/bin"}, {.name = "etc"}, {.name = "usr"}},
                            .mounts = {{.path = "/src"}, {.path = "/out", .writable = true}}};
  testing_support::ExpectGolden("build/bubblewrap.txt", Lines(InContainer(container, kMake)));
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
  const auto no_namespaces =
      ChooseContainer("/roots/sid", {.bubblewrap = "/b", .image_is_folder = true, .user_namespaces = false});
  ASSERT_FALSE(no_namespaces);
  EXPECT_EQ(no_namespaces.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(no_namespaces.error().hint().find("max_user_namespaces"), std::string::npos);
}

}  // namespace
}  // namespace kiln::build
