#include "src/tls/live.h"

#include <atomic>
#include <chrono>
#include <ctime>
#include <utility>

#include "src/tls/files.h"
#include "src/tls/material.h"
#include "src/tls/policy.h"

namespace signet::tls {
namespace {

constexpr std::chrono::seconds kInterval{1};  // between two looks at the files

std::atomic<std::uint64_t> live_changes{0};

std::size_t Index(Part part) { return static_cast<std::size_t>(part); }

// What was found out about one look at the files.
struct Note {
  LivePolicy::Event event;
  std::string text;
};

}  // namespace

struct LivePolicy::Rep {
  ServerPolicy::Sources sources;
  std::vector<std::string> warnings;

  // Touched by whoever looks at the files, one at a time.
  Material material;
  std::array<Stamp, kParts.size()> stamps;
  std::array<std::string, kParts.size()> told;  // the last trouble, by part

  std::mutex mutex;
  MonotonicTime next_look;  // guarded by mutex, like all below
  bool looking = false;
  ServerPolicyPtr policies[2];  // without and with tickets

  bool ReadAgain(Part part, Material* next, std::vector<Note>* notes);
  std::vector<Note> Look();
  std::string Build(const Material& from, ServerPolicyPtr (*built)[2]) const;
  bool StapleEnded() const;
};

bool LivePolicy::Rep::StapleEnded() const {
  const std::int64_t now = std::time(nullptr);
  for (const Staple& staple : material.staples)
    if (now >= staple.until) return true;
  return false;
}

// Both, so that nothing has to be read later: by then we may not be root any more.
std::string LivePolicy::Rep::Build(const Material& from, ServerPolicyPtr (*built)[2]) const {
  for (const bool resumption : {false, true}) {
    ServerPolicy::Sources with = sources;
    with.resumption = resumption;
    auto policy = MakePolicy(with, from);
    if (!policy.ok()) return policy.error();
    (*built)[resumption] = std::move(policy).value();
  }
  return "";
}

// True where the part has become another.
bool LivePolicy::Rep::ReadAgain(Part part, Material* next, std::vector<Note>* notes) {
  const std::size_t i = Index(part);
  const std::string before = next->digests[i];
  const auto warned = next->warnings[i];
  const std::string wrong = Load(part, sources, next);
  if (!wrong.empty()) {
    if (std::exchange(told[i], wrong) != wrong)
      notes->push_back({Event::kTrouble, wrong + "; what was read before stays in use"});
    return false;
  }
  told[i].clear();
  if (next->warnings[i] != warned)
    for (const std::string& warning : next->warnings[i])
      notes->push_back({Event::kTrouble, warning});
  if (next->digests[i] == before) return false;
  std::string files;
  for (const std::string& file : FilesOf(part, sources))
    files += (files.empty() ? "" : ", ") + ('"' + file + '"');
  notes->push_back({Event::kNotice, "read again: " + files});
  return true;
}

std::vector<Note> LivePolicy::Rep::Look() {
  std::vector<Note> notes;
  Material next = material;
  bool changed = false, pairs_changed = false;
  for (const Part part : kParts) {
    const Stamp stamp = Stamp::Of(FilesOf(part, sources));
    Stamp& then = stamps[Index(part)];
    if (!stamp.hidden().empty()) {
      const std::string text = "cannot see changes of \"" + stamp.hidden() +
                               "\" any more: what was read before stays in use";
      if (std::exchange(told[Index(part)], text) != text) notes.push_back({Event::kNotice, text});
      continue;
    }
    const bool due = part == Part::kStaples && (pairs_changed || StapleEnded());
    const Stamp::Change change = stamp.Since(then);
    if (!due && change == Stamp::Change::kNone) continue;
    then = stamp;
    std::vector<Note> found;
    const bool is_another = ReadAgain(part, &next, &found);
    // A key that only root could read, and that nobody has touched, is no trouble.
    if (is_another || due || change == Stamp::Change::kSeen)
      notes.insert(notes.end(), found.begin(), found.end());
    if (!is_another) continue;
    changed = true;
    pairs_changed = pairs_changed || part == Part::kPairs;
  }
  ServerPolicyPtr built[2];
  if (changed) {
    if (const std::string wrong = Build(next, &built); !wrong.empty()) {
      notes.push_back({Event::kTrouble, wrong + "; what was read before stays in use"});
      return notes;
    }
  }
  material = std::move(next);
  const std::lock_guard lock(mutex);
  if (changed) {
    std::swap(policies, built);
    ++live_changes;
  }
  return notes;
}

// However the look ends, there is another one later.
class LivePolicy::Looking {
 public:
  explicit Looking(Rep* rep) : rep_(*rep) {}
  ~Looking() {
    const std::lock_guard lock(rep_.mutex);
    rep_.looking = false;
    rep_.next_look = std::chrono::steady_clock::now() + kInterval;
  }
  Looking(const Looking&) = delete;
  Looking& operator=(const Looking&) = delete;

 private:
  Rep& rep_;
};

LivePolicy::LivePolicy(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
LivePolicy::~LivePolicy() = default;
const std::vector<std::string>& LivePolicy::warnings() const { return rep_->warnings; }

Result<std::shared_ptr<LivePolicy>, std::string> LivePolicy::Make(ServerPolicy::Sources sources) {
  auto rep = std::make_unique<Rep>();
  rep->sources = std::move(sources);
  for (const Part part : kParts) {
    rep->stamps[Index(part)] = Stamp::Of(FilesOf(part, rep->sources));
    if (std::string wrong = Load(part, rep->sources, &rep->material); !wrong.empty())
      return Err{std::move(wrong)};
  }
  if (std::string wrong = rep->Build(rep->material, &rep->policies); !wrong.empty())
    return Err{std::move(wrong)};
  rep->warnings = rep->material.warnings[Index(Part::kStaples)];
  rep->next_look = std::chrono::steady_clock::now() + kInterval;
  return std::shared_ptr<LivePolicy>(new LivePolicy(std::move(rep)));
}

std::uint64_t LiveChanges() { return live_changes; }

ServerPolicyPtr LivePolicy::InUse() const {
  const std::lock_guard lock(rep_->mutex);
  return rep_->policies[false];
}

ServerPolicyPtr LivePolicy::Current(bool resumption, const Report& report) {
  {
    const std::lock_guard lock(rep_->mutex);
    if (rep_->looking || std::chrono::steady_clock::now() < rep_->next_look)
      return rep_->policies[resumption];
    rep_->looking = true;
  }
  const Looking looking(rep_.get());
  std::vector<Note> notes;
  engine::Blocking([&] { notes = rep_->Look(); });
  for (const Note& note : notes) report(note.event, note.text);
  const std::lock_guard lock(rep_->mutex);
  return rep_->policies[resumption];
}

}  // namespace signet::tls
