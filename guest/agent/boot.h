#pragma once

#include "link.h"
#include "session.h"

/// What PID 1 does before there is a host to ask for more.
namespace kiln::agent {

/// The list /kiln/modules of the initramfs: a path a line, parameters after a blank, '#' begins a comment, in
/// the order of loading. What stands before the line "-- ready" is needed for the link; the rest may come
/// after Hello.
class ModuleList {
 public:
  /// No list at all is an empty one.
  void Read(const Roots& roots);
  /// Loads up to "-- ready" (or to the end, when called again). What does not load is noted and passed over.
  void LoadNext(const Roots& roots, Notes& notes);

 private:
  char text_[16 * 1024];
  size_t size_ = 0;
  size_t at_ = 0;
};

/// /proc, /sys, /dev and descriptors 0 to 2: what finding the link takes.
void MountBasics(Roots& roots, Notes& notes);
/// /dev/pts, /dev/shm, limits: what commands take.
void MountRest(Notes& notes);
/// The terminal that the kernel's console is on, to run a script's commands at; else /dev/console.
int OpenConsoleTerminal(const Roots& roots);

}  // namespace kiln::agent
