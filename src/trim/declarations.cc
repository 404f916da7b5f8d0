#include "trim/declarations.h"

#include <string.h>

#include "cpp/bytes.h"
#include "cpp/letters.h"
#include "trim/scanner.h"

namespace kiln::trim {
namespace {

constexpr uint32_t kNobody = UINT32_MAX;

using cpp::BeginsName;
using cpp::IsDigit;
using cpp::IsOfName;
using cpp::Stretch;

class Reader : Scanner {
 public:
  explicit Reader(Unit& unit) : Scanner(unit), unit_(unit) {}

  bool Read();

 private:
  // What an open bracket is of.
  enum class Of : uint8_t {
    kParenthesis,
    kAttribute,
    kOperator,
    kBracket,
    kFunction,
    kMembers,
    kEnumerators,
    kValue
  };
  enum class Tag : uint8_t { kNone, kMembers, kEnumerators };

  // What is known of the declaration that is being read.
  struct State {
    bool is_static, is_inline, is_extern, is_typedef, is_asm, is_assert;
    bool binds, is_unused, is_gnu_inline;  // Said by attributes, or by `register`.
    bool has_asm, has_pragma;
    bool has_local;  // A static variable within a function.
    bool is_function, has_objects;
    bool has_type;        // A word at the top that may be the type.
    bool has_begun;       // A word other than __extension__ was seen.
    bool in_initializer;  // At the top.
    bool has_name;        // This declarator.
    bool name_is_next;    // "(*name": a pointer to a function.
    bool enumerator_is_next;
    Tag tag;              // After struct, union, enum …
    bool tag_is_named;    // … and the tag.
    uint32_t tag_name;    //
    uint32_t last;        // The last name at the top: of the declarator, when that ends there.
    uint32_t function;    // The name of what has parameters.
    Word parenthesis_of;  // kAttribute or kOperator: the next one is of that.
    uint32_t in_function, in_parentheses, in_attribute;  // How many are open.
    char access;                                         // '.' or '>': the next name is a member.
  };

  bool ReadOne();
  bool ReadPragma();
  bool ReadToken(State& state);
  void Finish(State& state, uint32_t begin, Place at, uint32_t mentions);
  bool Step(State& state, char c);
  void Keyword(State& state, Word word);
  void NameOf(State& state, uint32_t begin);
  void Tagged(State& state, uint32_t name);
  bool Quoted(State& state);
  void MentionAll(uint32_t begin, uint32_t end);
  void OpenParenthesis(State& state);
  bool OpenBrace(State& state);
  bool Close(State& state, char c, bool* done);
  void DeclareLast(State& state);
  void EndDeclarator(State& state);
  bool IsMemberOrParameter(const State& state, uint32_t begin) const;

  void NoteMention(uint32_t name, Space space, bool is_pointer = false);
  void Declare(uint32_t name, Space space, bool is_forward = false);
  bool AtTop() const { return open_.empty(); }
  uint32_t current() const { return static_cast<uint32_t>(unit_.declarations.size()); }

  Unit& unit_;
  bool done_ = false;
  Stretch<Of> open_;
};

void Reader::NoteMention(uint32_t name, Space space, bool is_pointer) {
  const int of = static_cast<int>(space);
  Name& mentioned = unit_.names[name];
  if (mentioned.wanted_in[of] == current() + 1) return;
  if (is_pointer && mentioned.mentioned_in[of] == current() + 1) return;
  mentioned.mentioned_in[of] = current() + 1;
  if (!is_pointer) mentioned.wanted_in[of] = current() + 1;
  if (!unit_.mentions.Add({name & 0x3fffffff, static_cast<uint32_t>(space) & 1, is_pointer})) failed_ = true;
}

void Reader::Declare(uint32_t name, Space space, bool is_forward) {
  uint32_t& newest = unit_.names[name].declared[static_cast<int>(space)];
  if (newest != 0 && unit_.links[newest].declaration == current()) {
    unit_.links[newest].is_forward = unit_.links[newest].is_forward && is_forward;
    return;
  }
  if (!unit_.links.Add({current(), newest, is_forward})) failed_ = true;
  newest = static_cast<uint32_t>(unit_.links.size() - 1);
}

void Reader::DeclareLast(State& state) {
  Declare(state.last, Space::kOrdinary);
  state.binds = state.binds || unit_.names[state.last].word == Word::kImplied;
}

void Reader::EndDeclarator(State& state) {
  if (!state.has_name && state.last != kNobody) {
    DeclareLast(state);
    state.has_objects = true;
  }
  state.has_name = true;
}

void Reader::Keyword(State& state, Word word) {
  const bool top = AtTop();
  switch (word) {
    case Word::kTag:
    case Word::kEnum:
      state.has_type = state.has_type || top;
      state.tag = word == Word::kTag ? Tag::kMembers : Tag::kEnumerators;
      state.tag_is_named = false;
      break;
    case Word::kAttribute:
      state.parenthesis_of = Word::kAttribute;
      break;
    case Word::kAsm:
      state.has_asm = true;
      // What is the name of a builtin function's symbol matters although nothing names the function.
      state.binds = state.binds || state.in_function == 0;
      state.parenthesis_of = Word::kOperator;
      break;
    case Word::kOperator:
      state.has_type = state.has_type || top;
      state.parenthesis_of = Word::kOperator;
      break;
    case Word::kStatic:
      state.is_static = state.is_static || top;
      state.has_local = state.has_local || state.in_function > 0;
      break;
    case Word::kInline:
      state.is_inline = state.is_inline || top;
      break;
    case Word::kExtern:
      state.is_extern = state.is_extern || top;
      break;
    case Word::kTypedef:
      state.is_typedef = state.is_typedef || top;
      break;
    case Word::kRegister:
      state.binds = state.binds || top;
      break;
    case Word::kPlain:
      state.has_type = state.has_type || top;
      break;
    default:
      break;
  }
}

void Reader::Tagged(State& state, uint32_t name) {
  state.tag_is_named = true;
  state.tag_name = name;
  NoteMention(name, Space::kTag, At(SkipBlanks(at_)) == '*');
  // The first mention declares it, where that is of file scope (C11 6.7.2.3).
  const bool is_new = unit_.names[name].declared[static_cast<int>(Space::kTag)] == 0;
  if (is_new && state.in_function == 0 && state.in_parentheses == 0) Declare(name, Space::kTag, true);
}

// It declares what is no business of anybody else.
bool Reader::IsMemberOrParameter(const State& state, uint32_t begin) const {
  if (AtTop() || state.in_function > 0 || state.name_is_next) return false;
  return (open_.back() == Of::kMembers || open_.back() == Of::kParenthesis) && IsLastOfDeclarator(begin);
}

void Reader::NameOf(State& state, uint32_t begin) {
  PassName();
  const char* text = text_ + begin;
  const uint32_t size = at_ - begin;
  const uint32_t name = unit_.names.Of(text, size);
  const Word word = unit_.names[name].word;
  const bool is_member = state.access != 0;
  state.access = 0;
  if (!state.has_begun && word != Word::kExtension) {
    state.has_begun = true;
    state.is_asm = word == Word::kAsm;
    state.is_assert = word == Word::kAssert;
  }
  if (state.in_attribute > 0) {
    state.binds = state.binds || word == Word::kBinding;
    state.is_unused = state.is_unused || word == Word::kUnused;
    state.is_gnu_inline = state.is_gnu_inline || word == Word::kGnuInline;
    return NoteMention(name, Space::kOrdinary);
  }
  if (word != Word::kName && word < Word::kBinding) return Keyword(state, word);
  if (is_member) return;
  if (state.tag != Tag::kNone && !state.tag_is_named) return Tagged(state, name);
  state.tag = Tag::kNone;
  if (state.enumerator_is_next && !AtTop() && open_.back() == Of::kEnumerators) {
    state.enumerator_is_next = false;
    return Declare(name, Space::kOrdinary);
  }
  if (IsMemberOrParameter(state, begin)) return;
  NoteMention(name, Space::kOrdinary);
  constexpr char kBuiltin[] = "__builtin_";
  constexpr uint32_t kBuiltinSize = sizeof kBuiltin - 1;
  if (size > kBuiltinSize && memcmp(text, kBuiltin, kBuiltinSize) == 0)
    NoteMention(unit_.names.Of(text + kBuiltinSize, size - kBuiltinSize), Space::kOrdinary);
  if (AtTop() && !state.in_initializer) {
    state.has_type = state.has_type || state.last != kNobody;
    state.last = name;
  }
  if (state.name_is_next && !state.has_name) {
    Declare(name, Space::kOrdinary);
    state.has_name = state.has_objects = true;
    state.name_is_next = false;
  }
}

bool Reader::Quoted(State& state) {
  const bool is_string = text_[at_] == '"';
  uint32_t begin = 0;
  uint32_t end = 0;
  if (!PassQuoted(&begin, &end)) return false;
  state.access = 0;
  state.has_begun = true;
  // Assembly names symbols in its text.
  if (is_string && state.has_asm) MentionAll(begin, end);
  return true;
}

void Reader::MentionAll(uint32_t begin, uint32_t end) {
  for (uint32_t i = begin; i < end;) {
    if (!BeginsName(text_[i])) {
      ++i;
      continue;
    }
    const uint32_t word = i;
    while (i < end && IsOfName(text_[i])) ++i;
    NoteMention(unit_.names.Of(text_ + word, i - word), Space::kOrdinary);
  }
}

void Reader::OpenParenthesis(State& state) {
  Of of = Of::kParenthesis;
  if (state.parenthesis_of == Word::kAttribute) {
    of = Of::kAttribute;
    ++state.in_attribute;
  } else if (state.parenthesis_of == Word::kOperator) {
    of = Of::kOperator;
  } else if (AtTop() && !state.in_initializer && !state.has_name) {
    if (NameIsInParentheses()) {
      state.name_is_next = true;
    } else if (state.last != kNobody) {
      DeclareLast(state);
      state.has_name = true;
      state.function = state.last;
      // "type (name);" and words that are not known here.
      state.binds = state.binds || !state.has_type;
    } else {
      state.binds = true;  // "int (name);", and whatever else.
    }
  }
  if (of != Of::kAttribute) state.tag = Tag::kNone;
  state.parenthesis_of = Word::kName;
  ++state.in_parentheses;
  if (!open_.Add(of)) failed_ = true;
}

bool Reader::OpenBrace(State& state) {
  Of of = Of::kValue;
  if (state.tag != Tag::kNone && state.in_function == 0 && !(AtTop() && state.in_initializer)) {
    of = state.tag == Tag::kEnumerators ? Of::kEnumerators : Of::kMembers;
    state.enumerator_is_next = of == Of::kEnumerators;
    if (state.tag_is_named && state.in_parentheses == 0) Declare(state.tag_name, Space::kTag);
  } else if (AtTop() && !state.in_initializer) {
    of = Of::kFunction;
    state.is_function = true;
    ++state.in_function;
    state.binds = state.binds || !state.has_name;  // Whatever it is.
  }
  state.tag = Tag::kNone;
  return open_.Add(of);
}

bool Reader::Close(State& state, char c, bool* done) {
  if (open_.empty()) return false;
  const Of of = open_.back();
  open_.RemoveLast();
  const bool fits = c == ']'   ? of == Of::kBracket
                    : c == ')' ? of == Of::kParenthesis || of == Of::kAttribute || of == Of::kOperator
                               : of > Of::kBracket;
  if (!fits) return false;
  if (c == ')') {
    --state.in_parentheses;
    if (of == Of::kAttribute)
      --state.in_attribute;
    else
      state.tag = Tag::kNone;
  } else if (of == Of::kFunction) {
    --state.in_function;
    *done = true;
  } else if (of == Of::kMembers || of == Of::kEnumerators) {
    state.enumerator_is_next = false;
    if (AtTop()) state.last = kNobody;
  }
  return true;
}

// One character that begins no word, number or string. False when the brackets don't fit.
bool Reader::Step(State& state, char c) {
  const bool top = AtTop();
  state.has_begun = true;
  ++at_;
  state.access = 0;
  switch (c) {
    case '(':
      OpenParenthesis(state);
      return true;
    case '{':
      return OpenBrace(state);
    case '[':
      if (top && !state.in_initializer) EndDeclarator(state);
      // Attributes as C23 writes them.
      state.binds = state.binds || (At(at_) == '[' && state.in_function == 0);
      state.tag = Tag::kNone;
      return open_.Add(Of::kBracket);
    case ')':
    case ']':
    case '}':
      return Close(state, c, &done_);
    case '.':
      // Of "..." none is an access; the first of them is behind at least one character.
      state.access = text_[at_ - 2] == '.' || At(at_) == '.' ? '\0' : '.';
      return true;
    case '-':
      if (At(at_) == '>') {
        ++at_;
        state.access = '>';
      }
      break;
    case ',':
      if (!top && open_.back() == Of::kEnumerators) state.enumerator_is_next = true;
      if (!top) break;
      EndDeclarator(state);
      state.has_name = state.in_initializer = false;
      state.last = kNobody;
      break;
    case '=':
      if (!top || state.in_initializer) break;
      EndDeclarator(state);
      state.has_objects = state.in_initializer = true;
      break;
    case ';':
      if (!top) break;
      EndDeclarator(state);
      done_ = true;
      break;
    default:
      break;
  }
  state.tag = Tag::kNone;
  return true;
}

bool Reader::ReadToken(State& state) {
  if (PassBlank()) return true;
  const char c = text_[at_];
  if (c == '#') {
    // There is none but of a directive.
    if (!BeginsLine()) return false;
    if (!Starts("#pragma")) return PassMarker();
    state.has_pragma = true;
    const uint32_t begin = at_;
    PassLine();
    MentionAll(begin, at_);
    return true;
  }
  if (c == '"' || c == '\'') return Quoted(state);
  if (BeginsName(c)) {
    NameOf(state, at_);
    // A raw string ends where others don't.
    return At(at_) != '"' || text_[at_ - 1] != 'R';
  }
  if (!IsDigit(c)) return Step(state, c);
  PassNumber();
  state.access = 0;
  return true;
}

void Reader::Finish(State& state, uint32_t begin, Place at, uint32_t mentions) {
  Declaration read{};
  read.begin = begin;
  read.end = at_;
  read.at = at;
  read.mentions = mentions;
  read.mentions_end = static_cast<uint32_t>(unit_.mentions.size());
  const bool is_object = state.has_objects && !state.is_typedef && !state.is_extern;
  if (state.is_function || is_object) {
    for (uint32_t i = mentions; i < read.mentions_end; ++i)
      if (unit_.mentions[i].space == 0) ++unit_.names[unit_.mentions[i].name].used;
  }
  bool needed = !unit_.files[at.file].is_header || state.is_asm || state.is_assert || state.binds ||
                state.has_pragma || state.has_local;
  if (!needed && state.is_function) {
    const bool is_local = state.is_static || (state.is_extern && state.is_gnu_inline);
    if (is_local && (state.is_inline || (state.is_static && state.is_unused))) {
      // Nothing is made of it until it is called.
    } else if (state.is_static && state.function != kNobody) {
      read.is_helper = true;
      read.helper = state.function;
    } else {
      needed = true;
    }
  } else if (is_object) {
    needed = true;
  }
  read.needed = needed;
  read.is_function = state.is_function;
  read.digest = cpp::DigestOf(text_ + begin, at_ - begin);
  if (!unit_.declarations.Add(read)) failed_ = true;
}

bool Reader::ReadOne() {
  State state{};
  state.last = state.function = kNobody;
  state.parenthesis_of = Word::kName;
  const uint32_t begin = at_;
  const Place at = place_;
  const auto mentions = static_cast<uint32_t>(unit_.mentions.size());
  for (done_ = false; !done_;) {
    if (AtEnd() || !ReadToken(state)) return false;
  }
  Finish(state, begin, at, mentions);
  return !failed_ && !unit_.names.full();
}

bool Reader::ReadPragma() {
  // Without optimization gcc keeps what nothing uses.
  if (Starts("#pragma GCC optimize")) return false;
  Declaration pragma{};
  pragma.begin = at_;
  pragma.at = place_;
  pragma.needed = true;
  pragma.mentions = static_cast<uint32_t>(unit_.mentions.size());
  PassLine();
  pragma.end = at_;
  MentionAll(pragma.begin, pragma.end);  // "#pragma weak name"
  pragma.mentions_end = static_cast<uint32_t>(unit_.mentions.size());
  return unit_.declarations.Add(pragma);
}

bool Reader::Read() {
  // No text has more of each than this; of most it has far fewer.
  if (!open_.Reserve(size_) || !unit_.files.Add({"\"\"", 2, false, false})) return false;
  if (!PassMarker()) return false;
  unit_.files[0] = unit_.files[place_.file];
  while (!AtEnd()) {
    if (PassBlank()) continue;
    if (text_[at_] != '#') {
      if (!ReadOne()) return false;
    } else if (!BeginsLine() || !(Starts("#pragma") ? ReadPragma() : PassMarker())) {
      return false;
    }
  }
  return !failed_;
}

}  // namespace

bool ReadDeclarations(const char* text, size_t size, Unit& unit) {
  if (size > kMostText) return false;
  unit.text = text;
  unit.size = static_cast<uint32_t>(size);
  const bool has_room = unit.names.Reserve(size) && unit.files.Reserve(size / 4 + 2) &&
                        unit.declarations.Reserve(size) && unit.mentions.Reserve(size) &&
                        unit.links.Reserve(size + 1) && unit.links.Add({0, 0, true});
  return has_room && Reader(unit).Read();
}

}  // namespace kiln::trim
