#include "console/prefix.h"

#include <array>
#include <cstring>

namespace kiln::console {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void SkipBlanks(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

/// Takes a decimal number of at most 18 digits off the front.
bool TakeNumber(std::string_view& text, uint64_t& value) {
  size_t n = 0;
  value = 0;
  while (n < text.size() && n < 18 && IsDigit(text[n]))
    value = value * 10 + static_cast<uint64_t>(text[n++] - '0');
  text.remove_prefix(n);
  return n > 0;
}

bool Take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// Digits behind a decimal point, as microseconds.
int64_t TakeFraction(std::string_view& text) {
  int64_t value = 0;
  int digits = 0;
  while (!text.empty() && IsDigit(text.front())) {
    if (digits < 6) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  for (; digits < 6; ++digits) value *= 10;
  return value;
}

/// "[    1.234567]", also dmesg's "[  +0.000012]".
bool TakeStamp(std::string_view& text, int64_t& time_us) {
  std::string_view rest = text;
  if (!Take(rest, '[')) return false;
  SkipBlanks(rest);
  const bool relative = Take(rest, '+');
  uint64_t seconds = 0;
  if (!TakeNumber(rest, seconds) || !Take(rest, '.') || rest.empty() || !IsDigit(rest.front())) return false;
  if (seconds > 9'000'000'000'000) return false;
  const int64_t micros = TakeFraction(rest);
  if (!Take(rest, ']')) return false;
  text = rest;
  time_us = relative ? kNoTime : static_cast<int64_t>(seconds) * 1'000'000 + micros;
  return true;
}

/// "[  T123]" or "[    C0]", which follow the stamp with or without a blank between.
bool TakeCaller(std::string_view& text, Caller& caller) {
  std::string_view rest = text;
  SkipBlanks(rest);
  if (text.size() - rest.size() > 1 || !Take(rest, '[')) return false;
  SkipBlanks(rest);
  Caller found;
  if (Take(rest, 'T'))
    found.kind = Caller::Kind::kTask;
  else if (Take(rest, 'C'))
    found.kind = Caller::Kind::kCpu;
  else
    return false;
  uint64_t id = 0;
  if (!TakeNumber(rest, id) || !Take(rest, ']')) return false;
  found.id = static_cast<uint32_t>(id);
  caller = found;
  text = rest;
  return true;
}

/// "<6>" or a syslog priority such as "<30>".
bool TakeLevel(std::string_view& text, int8_t& level) {
  std::string_view rest = text;
  uint64_t value = 0;
  if (!Take(rest, '<') || !TakeNumber(rest, value) || value > 191 || !Take(rest, '>')) return false;
  level = static_cast<int8_t>(value & 7);
  text = rest;
  return true;
}

/// What stands between printk's stamp and caller and the message: one blank, which belongs to the prefix.
void TakePrintkTail(std::string_view& text, Record& record) {
  TakeCaller(text, record.caller);
  Take(text, ' ');
  record.from_kernel = true;
}

/// "[    1.234567] [T1] message" and what old consoles put before it.
bool TakePrintk(std::string_view& text, Record& record) {
  std::string_view rest = text;
  TakeLevel(rest, record.level);
  if (!TakeStamp(rest, record.time_us)) return false;
  TakePrintkTail(rest, record);
  text = rest;
  return true;
}

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

int TakeMonth(std::string_view& text) {
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (TakeWord(text, kMonths[i])) return static_cast<int>(i) + 1;
  }
  return 0;
}

/// Days since the Epoch of a proleptic Gregorian date.
int64_t DaysSinceEpoch(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = year / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

/// "12:34:56" with an optional fraction, in microseconds of the day.
bool TakeClock(std::string_view& text, int64_t& micros) {
  std::string_view rest = text;
  uint64_t h = 0;
  uint64_t m = 0;
  uint64_t s = 0;
  if (!TakeNumber(rest, h) || !Take(rest, ':') || !TakeNumber(rest, m) || !Take(rest, ':') ||
      !TakeNumber(rest, s))
    return false;
  if (h > 23 || m > 59 || s > 60) return false;
  micros = static_cast<int64_t>(h * 3600 + m * 60 + s) * 1'000'000;
  if (!rest.empty() && (rest.front() == '.' || rest.front() == ',')) {
    rest.remove_prefix(1);
    micros += TakeFraction(rest);
  }
  text = rest;
  return true;
}

/// "2026-03-02T12:34:56,123456+00:00" or with a blank for the T.
bool TakeIsoTime(std::string_view& text, int64_t& time_us) {
  std::string_view rest = text;
  if (rest.size() < 19 || rest[4] != '-' || rest[7] != '-' || (rest[10] != 'T' && rest[10] != ' '))
    return false;
  uint64_t year = 0;
  uint64_t month = 0;
  uint64_t day = 0;
  if (!TakeNumber(rest, year) || !Take(rest, '-') || !TakeNumber(rest, month) || !Take(rest, '-') ||
      !TakeNumber(rest, day) || month < 1 || month > 12 || day > 31 || rest.empty())
    return false;
  rest.remove_prefix(1);
  int64_t micros = 0;
  if (!TakeClock(rest, micros)) return false;
  int64_t zone_minutes = 0;
  if (!Take(rest, 'Z') && !rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
    const bool east = rest.front() == '+';
    rest.remove_prefix(1);
    uint64_t zone = 0;
    if (!TakeNumber(rest, zone)) return false;
    uint64_t minutes = zone % 100;
    if (Take(rest, ':')) {
      if (!TakeNumber(rest, minutes)) return false;
      zone *= 100;
    }
    zone_minutes = static_cast<int64_t>(zone / 100 * 60 + minutes) * (east ? 1 : -1);
    if (zone_minutes > 1'000 || zone_minutes < -1'000) return false;
  }
  const int64_t days =
      DaysSinceEpoch(static_cast<int64_t>(year), static_cast<int64_t>(month), static_cast<int64_t>(day));
  time_us = days * 86'400'000'000 + micros - zone_minutes * 60'000'000;
  text = rest;
  return true;
}

/// dmesg -T: "[Mon Mar  2 12:34:56 2026] "; dmesg --reltime: "[Mar 2 12:34] ".
bool TakeDmesgDate(std::string_view& text, Record& record) {
  std::string_view rest = text;
  if (!Take(rest, '[')) return false;
  bool weekday = false;
  for (const auto name : kWeekdays) weekday = weekday || TakeWord(rest, name);
  SkipBlanks(rest);
  const int month = TakeMonth(rest);
  uint64_t day = 0;
  uint64_t year = 0;
  int64_t micros = 0;
  SkipBlanks(rest);
  if (month == 0 || !TakeNumber(rest, day)) return false;
  SkipBlanks(rest);
  if (weekday) {
    if (!TakeClock(rest, micros)) return false;
    SkipBlanks(rest);
    if (!TakeNumber(rest, year) || year < 1970 || year > 9999) return false;
    record.time_us =
        DaysSinceEpoch(static_cast<int64_t>(year), month, static_cast<int64_t>(day)) * 86'400'000'000 +
        micros;
  } else {
    uint64_t h = 0;
    uint64_t m = 0;
    if (!TakeNumber(rest, h) || !Take(rest, ':') || !TakeNumber(rest, m)) return false;
  }
  if (!Take(rest, ']')) return false;
  TakePrintkTail(rest, record);
  text = rest;
  return true;
}

/// /dev/kmsg and extended netconsole: "level,sequence,microseconds,flags[,caller=T1];message".
bool TakeKmsg(std::string_view& text, Record& record) {
  std::string_view rest = text;
  uint64_t level = 0;
  uint64_t sequence = 0;
  uint64_t micros = 0;
  if (!TakeNumber(rest, level) || !Take(rest, ',') || !TakeNumber(rest, sequence) || !Take(rest, ',') ||
      !TakeNumber(rest, micros) || !Take(rest, ','))
    return false;
  const size_t end = rest.substr(0, 120).find(';');
  if (end == std::string_view::npos) return false;
  const std::string_view fields = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (const size_t at = fields.find("caller="); at != std::string_view::npos && fields.size() > at + 8) {
    std::string_view id = fields.substr(at + 8);
    uint64_t number = 0;
    const char kind = fields[at + 7];
    if ((kind == 'T' || kind == 'C') && TakeNumber(id, number)) {
      record.caller = {kind == 'T' ? Caller::Kind::kTask : Caller::Kind::kCpu, static_cast<uint32_t>(number)};
    }
  }
  record.level = static_cast<int8_t>(level & 7);
  record.time_us = static_cast<int64_t>(micros);
  record.from_kernel = true;
  text = rest;
  return true;
}

/// dmesg -x: "kern  :warn  : [    1.2] message".
bool TakeDmesgFields(std::string_view& text, Record& record) {
  static constexpr std::array<std::string_view, 8> kLevels = {"emerg", "alert",  "crit", "err",
                                                              "warn",  "notice", "info", "debug"};
  std::string_view rest = text;
  if (!TakeWord(rest, "kern")) return false;
  SkipBlanks(rest);
  if (!Take(rest, ':')) return false;
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (!TakeWord(rest, kLevels[i])) continue;
    SkipBlanks(rest);
    if (!Take(rest, ':') || !Take(rest, ' ')) return false;
    record.level = static_cast<int8_t>(i);
    record.from_kernel = true;
    text = rest;
    TakePrintk(text, record) || TakeDmesgDate(text, record);
    return true;
  }
  return false;
}

/// A stamp that printk put behind a half line of user space: "login: [    1.234567] BUG".
bool FindStampInside(std::string_view& text, Record& record) {
  for (size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    std::string_view rest = text.substr(at);
    int64_t time_us = kNoTime;
    const size_t dot = rest.substr(0, 16).find('.');
    if (dot == std::string_view::npos || rest.size() < dot + 8 || rest[dot + 7] != ']') continue;
    if (!TakeStamp(rest, time_us) || (!rest.starts_with(' ') && !rest.starts_with('['))) continue;
    record.time_us = time_us;
    TakePrintkTail(rest, record);
    text = rest;
    return true;
  }
  return false;
}

/// A logger's own head up to "kernel: ": "Mar  2 12:34:56 host kernel: ", "2026-03-02T12:34:56Z INFO kernel:
/// ", and Android's "03-02 12:34:56.123     0     0 W [    1.2]" or "[    1.2]" behind any of these.
bool TakeLogger(std::string_view& text, Record& record) {
  std::string_view rest = text;
  int64_t time_us = kNoTime;
  bool dated = false;
  TakeLevel(rest, record.level);
  if (TakeIsoTime(rest, time_us)) {
    dated = true;
  } else if (TakeMonth(rest) != 0) {
    uint64_t day = 0;
    int64_t micros = 0;
    SkipBlanks(rest);
    if (!TakeNumber(rest, day)) return false;
    SkipBlanks(rest);
    if (!TakeClock(rest, micros)) return false;
    dated = true;
  } else if (rest.size() > 18 && rest[2] == '-' && rest[5] == ' ') {
    uint64_t number = 0;
    int64_t micros = 0;
    dated = TakeNumber(rest, number) && Take(rest, '-') && TakeNumber(rest, number) && Take(rest, ' ') &&
            TakeClock(rest, micros);
  }
  if (!dated) return false;
  const std::string_view head = rest.substr(0, 96);
  if (const size_t at = head.find("kernel: "); at != std::string_view::npos) {
    rest.remove_prefix(at + 8);
  } else if (!FindStampInside(rest, record)) {
    return false;
  } else {
    text = rest;
    return true;
  }
  record.time_us = time_us;
  record.from_kernel = true;
  TakePrintk(rest, record);
  text = rest;
  return true;
}

}  // namespace

std::string_view Name(Milestone milestone) {
  switch (milestone) {
    case Milestone::kNone:
      return "none";
    case Milestone::kDecompress:
      return "decompress";
    case Milestone::kBanner:
      return "banner";
    case Milestone::kInit:
      return "init";
    case Milestone::kPanic:
      return "panic";
    case Milestone::kRestart:
      return "restart";
    case Milestone::kPowerOff:
      return "power-off";
  }
  return "none";
}

void ParsePrefix(std::string_view line, Record& record) {
  record.text = line;
  if (line.empty()) return;
  std::string_view rest = line;
  const char first = rest.front();
  bool found = false;
  if (first == '[' || first == '<') {
    found = TakePrintk(rest, record) || (first == '[' && TakeDmesgDate(rest, record)) ||
            (first == '<' && TakeLogger(rest, record));
    if (!found && first == '<' && TakeLevel(rest, record.level)) found = record.from_kernel = true;
  } else if (IsDigit(first)) {
    found = TakeKmsg(rest, record) || TakeLogger(rest, record);
  } else if (first >= 'A' && first <= 'S') {
    found = TakeLogger(rest, record);
  } else if (first == 'k') {
    found = TakeDmesgFields(rest, record);
  }
  if (!found) found = FindStampInside(rest, record);
  if (found) record.text = rest;
}

Milestone FindMilestone(std::string_view text) {
  if (text.empty()) return Milestone::kNone;
  switch (text.front()) {
    case 'L':
      return text.starts_with("Linux version ") ? Milestone::kBanner : Milestone::kNone;
    case 'D':
      return text.starts_with("Decompressing Linux") ? Milestone::kDecompress : Milestone::kNone;
    case 'K':
      return text.starts_with("Kernel panic - not syncing") ? Milestone::kPanic : Milestone::kNone;
    case 'R':
      return text.starts_with("Run /") && text.find(" as init process") != std::string_view::npos
                 ? Milestone::kInit
                 : Milestone::kNone;
    case 'r':
      if (!text.starts_with("reboot: ")) return Milestone::kNone;
      text.remove_prefix(8);
      if (text.starts_with("Power down") || text.starts_with("System halted")) return Milestone::kPowerOff;
      return text.starts_with("Restarting system") || text.starts_with("machine restart")
                 ? Milestone::kRestart
                 : Milestone::kNone;
    default:
      return Milestone::kNone;
  }
}

}  // namespace kiln::console
