#include "crash/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace kiln::crash {
namespace {

/// Reads the paths and types of Rust's v0 mangling (rust-lang RFC 2603). Bounded in depth and output, as
/// symbols come from untrusted logs.
class RustName {
 public:
  explicit RustName(std::string_view text) : text_(text) {}

  bool Read(std::string& out) {
    Path(out_);
    if (failed_) return false;
    out = std::move(out_);
    return true;
  }

 private:
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxOutput = 1'000;

  char Next() {
    if (at_ >= text_.size()) {
      failed_ = true;
      return 0;
    }
    return text_[at_++];
  }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// Base 62, "_" is 0, "0_" is 1.
  uint64_t Base62() {
    if (Take('_')) return 0;
    uint64_t value = 0;
    while (!failed_) {
      const char c = Next();
      if (c == '_') return value + 1;
      uint64_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<uint64_t>(c - '0');
      else if (c >= 'a' && c <= 'z')
        digit = static_cast<uint64_t>(c - 'a') + 10;
      else if (c >= 'A' && c <= 'Z')
        digit = static_cast<uint64_t>(c - 'A') + 36;
      else
        failed_ = true;
      value = value * 62 + digit;
    }
    return 0;
  }

  void Disambiguator() {
    if (Take('s')) Base62();
  }

  void Identifier(std::string& out) {
    Disambiguator();
    PlainIdentifier(out);
  }

  void PlainIdentifier(std::string& out) {
    Take('u');  // Punycode is left as it is.
    size_t length = 0;
    if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') {
      failed_ = true;
      return;
    }
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && length < 10'000)
      length = length * 10 + static_cast<size_t>(text_[at_++] - '0');
    Take('_');
    if (length > text_.size() - at_) {
      failed_ = true;
      return;
    }
    Append(out, text_.substr(at_, length));
    at_ += length;
  }

  void Append(std::string& out, std::string_view part) {
    if (out.size() + part.size() > kMaxOutput)
      failed_ = true;
    else
      out.append(part);
  }

  template <class Reader>
  void Backref(std::string& out, Reader&& reader) {
    const size_t tag = at_ - 1;
    const uint64_t target = Base62();
    if (failed_ || target >= tag) {
      failed_ = true;
      return;
    }
    const size_t resume = at_;
    at_ = static_cast<size_t>(target);
    reader(out);
    at_ = resume;
  }

  void Path(std::string& out) {
    if (++depth_ > kMaxDepth) failed_ = true;
    if (!failed_) ReadPath(out);
    --depth_;
  }

  void ReadPath(std::string& out) {
    const char tag = Next();
    std::string ignored;
    switch (tag) {
      case 'C':
        return Identifier(out);
      case 'N': {
        const char space = Next();
        Path(out);
        if (failed_) return;
        std::string name;
        Identifier(name);
        if (space >= 'A' && space <= 'Z') {
          Append(out, space == 'C' ? "::{closure" : "::{shim");
          if (!name.empty()) Append(out, ":" + name);
          return Append(out, "}");
        }
        if (!name.empty()) Append(out, "::" + name);
        return;
      }
      case 'M':
      case 'X':
      case 'Y':
        if (tag != 'Y') {
          Disambiguator();
          Path(ignored);
        }
        Append(out, "<");
        Type(out);
        if (tag != 'M') {
          Append(out, " as ");
          Path(out);
        }
        return Append(out, ">");
      case 'I':
        Path(out);
        Append(out, "<");
        for (bool first = true; !failed_ && !Take('E'); first = false) {
          if (!first) Append(out, ", ");
          GenericArgument(out);
        }
        return Append(out, ">");
      case 'B':
        return Backref(out, [this](std::string& to) { Path(to); });
      default:
        failed_ = true;
    }
  }

  void GenericArgument(std::string& out) {
    if (Take('L')) {
      Base62();
      Append(out, "'_");
    } else if (Take('K')) {
      Constant(out);
    } else {
      Type(out);
    }
  }

  void Constant(std::string& out) {
    if (Take('B')) return Backref(out, [this](std::string& to) { Constant(to); });
    if (Take('p')) return Append(out, "_");
    std::string type;
    Type(type);
    Take('n');
    const size_t begin = at_;
    while (!failed_ && Next() != '_') {
    }
    if (!failed_) Append(out, std::string("0x").append(text_.substr(begin, at_ - 1 - begin)));
  }

  static std::string_view Basic(char tag) {
    switch (tag) {
      case 'a':
        return "i8";
      case 'b':
        return "bool";
      case 'c':
        return "char";
      case 'd':
        return "f64";
      case 'e':
        return "str";
      case 'f':
        return "f32";
      case 'h':
        return "u8";
      case 'i':
        return "isize";
      case 'j':
        return "usize";
      case 'l':
        return "i32";
      case 'm':
        return "u32";
      case 'n':
        return "i128";
      case 'o':
        return "u128";
      case 's':
        return "i16";
      case 't':
        return "u16";
      case 'u':
        return "()";
      case 'v':
        return "...";
      case 'x':
        return "i64";
      case 'y':
        return "u64";
      case 'z':
        return "!";
      case 'p':
        return "_";
      default:
        return {};
    }
  }

  void Type(std::string& out) {
    if (++depth_ > kMaxDepth) failed_ = true;
    if (!failed_) ReadType(out);
    --depth_;
  }

  void ReadType(std::string& out) {
    const char tag = Next();
    if (const auto basic = Basic(tag); !basic.empty()) return Append(out, basic);
    switch (tag) {
      case 'R':
      case 'Q':
        Append(out, "&");
        if (Take('L')) Base62();
        if (tag == 'Q') Append(out, "mut ");
        return Type(out);
      case 'P':
        Append(out, "*const ");
        return Type(out);
      case 'O':
        Append(out, "*mut ");
        return Type(out);
      case 'S':
        Append(out, "[");
        Type(out);
        return Append(out, "]");
      case 'A':
        Append(out, "[");
        Type(out);
        Append(out, "; ");
        Constant(out);
        return Append(out, "]");
      case 'T':
        Append(out, "(");
        for (bool first = true; !failed_ && !Take('E'); first = false) {
          if (!first) Append(out, ", ");
          Type(out);
        }
        return Append(out, ")");
      case 'B':
        return Backref(out, [this](std::string& to) { Type(to); });
      case 'F':
      case 'D':
        failed_ = true;  // Function pointers and trait objects: too rare to be read.
        return;
      default:
        --at_;
        return Path(out);
    }
  }

  std::string_view text_;
  std::string out_;
  size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

/// "_ZN4core9panicking9panic_fmt17h0123456789abcdefE": Itanium nesting with a hash at the end.
std::string DropLegacyHash(std::string name) {
  const size_t at = name.rfind("::h");
  if (at != std::string::npos && name.size() == at + 19 &&
      name.find_first_not_of("0123456789abcdef", at + 3) == std::string::npos)
    name.resize(at);
  return name;
}

}  // namespace

std::string Demangle(std::string_view symbol) {
  if (symbol.starts_with("_R")) {
    std::string out;
    if (RustName(symbol.substr(2)).Read(out)) return out;
    return std::string(symbol);
  }
  if (!symbol.starts_with("_Z") || symbol.size() > 512) return std::string(symbol);
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(std::string(symbol).c_str(), nullptr, nullptr, &status), std::free);
  if (status != 0 || text == nullptr) return std::string(symbol);
  std::string name = text.get();
  if (const size_t arguments = name.find('('); arguments != std::string::npos && arguments > 0)
    name.resize(arguments);
  return DropLegacyHash(std::move(name));
}

}  // namespace kiln::crash
