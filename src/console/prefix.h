#pragma once

#include <string_view>

#include "console/record.h"

namespace kiln::console {

/// Reads the prefix of one line into `record` (time, level, caller, from_kernel) and sets `record.text` to
/// the rest. Understands printk's own forms (Documentation/core-api/printk-basics.rst, printk-index.rst):
/// "[    1.234567] ", "<6>[    1.234567] ", "[    1.234567][  T123] ", "[    1.234567] [  T123] "; /dev/kmsg
/// and extended netconsole "6,339,5140900,-,caller=T123;"; dmesg's "[Mon Mar  2 12:34:56 2026] ", "[
/// +0.000012] ", ISO times and "kern  :warn  : " fields; journal, syslog, Android and ChromeOS lines that
/// carry one of these behind a host and "kernel:". A prefix printed behind a half line ("login: [    1.2]
/// BUG") is found too.
void ParsePrefix(std::string_view line, Record& record);

/// What the text of a line says about the boot.
Milestone FindMilestone(std::string_view text);

}  // namespace kiln::console
