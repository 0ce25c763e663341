#include "src/report/decisions.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <unordered_set>
#include <utility>

#include "src/base/text.h"
#include "src/crypto/digest.h"

namespace signet::report {
namespace {

// Without 0 and O, 1, I and L, and U, which makes words.
constexpr std::string_view kLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kLettersInAll = 9;
constexpr std::size_t kLettersBeforeDash = 4;
// How long decisions gather before they are written: a session that is refused ten times in a
// row is written once.
constexpr std::chrono::milliseconds kGather{200};
constexpr std::chrono::seconds kTryAgain{10};  // a file that could not be written

// A reference however it is written; "" where it cannot be one.
std::string Normalized(std::string_view reference) {
  std::string name;
  for (char c : Trim(reference)) {
    if (c == '-' || c == ' ') continue;
    const char letter = ToUpper(c);
    if (kLetters.find(letter) == kLetters.npos || name.size() == kLettersInAll) return "";
    name += letter;
  }
  return name.size() == kLettersInAll ? name : "";
}

void SortByTime(std::vector<DecisionPtr>* decisions) {
  std::stable_sort(decisions->begin(), decisions->end(),
                   [](const DecisionPtr& a, const DecisionPtr& b) { return a->time < b->time; });
}

std::int64_t SystemNow() { return std::time(nullptr); }

}  // namespace

std::string NewReference() {
  // Octets beyond the last whole set of letters would make some of them likelier.
  constexpr std::size_t kUsable = 256 / kLetters.size() * kLetters.size();
  std::string reference;
  while (true) {
    for (char octet : crypto::RandomOctets(2 * kLettersInAll)) {
      const auto number = static_cast<unsigned char>(octet);
      if (number >= kUsable) continue;
      if (reference.size() == kLettersBeforeDash) reference += '-';
      reference += kLetters[number % kLetters.size()];
      if (reference.size() == kLettersInAll + 1) return reference;
    }
  }
}

bool IsReference(std::string_view text) { return !Normalized(text).empty(); }

DecisionStore::DecisionStore() : DecisionStore(Bounds{}) {}

DecisionStore::DecisionStore(Bounds bounds, Now now)
    : now_(now ? std::move(now) : Now(&SystemNow)), bounds_(bounds) {}

DecisionStore::~DecisionStore() { StopWriting(); }

// --- keeping -----------------------------------------------------------------------------

std::size_t DecisionStore::BytesOf(const Decision& decision) {
  constexpr std::size_t kPlace = 200;  // of the list and the index
  return decision.bytes() + kPlace;
}

bool DecisionStore::IsOld(const Decision& decision) const {
  return decision.time + bounds_.age.count() < now_();
}

void DecisionStore::Put(Decision decision) {
  const auto kept = std::make_shared<const Decision>(std::move(decision));
  const std::string name = Normalized(kept->reference);
  SIGNET_CHECK(!name.empty());
  std::lock_guard lock(mutex_);
  ++put_;
  Insert(kept);
  if (index_.contains(name)) Note(name);
}

void DecisionStore::Insert(DecisionPtr decision) {
  const std::string name = Normalized(decision->reference);
  Drop(name);
  Ring& ring = RingOf(*decision);
  ring.bytes += BytesOf(*decision);
  ring.decisions.push_back(std::move(decision));
  index_[name] = {&ring, std::prev(ring.decisions.end())};
  Bound(&ring);
}

void DecisionStore::Drop(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return;
  found->second.ring->bytes -= BytesOf(**found->second.at);
  found->second.ring->decisions.erase(found->second.at);
  index_.erase(found);
}

void DecisionStore::DropOldest(Ring* ring) { Drop(Normalized(ring->decisions.front()->reference)); }

void DecisionStore::Bound(Ring* ring) {
  const auto over = [&] {
    return ring->decisions.size() > bounds_.number || ring->bytes > bounds_.bytes / 2 ||
           IsOld(*ring->decisions.front());
  };
  while (!ring->decisions.empty() && over()) DropOldest(ring);
}

void DecisionStore::SetNumber(std::size_t number) {
  std::lock_guard lock(mutex_);
  bounds_.number = number;
  for (Ring* ring : {&refused_, &accepted_}) Bound(ring);
}

// --- asking ------------------------------------------------------------------------------

DecisionPtr DecisionStore::Find(std::string_view reference) const {
  const std::string name = Normalized(reference);
  std::lock_guard lock(mutex_);
  const auto found = index_.find(name);
  if (found == index_.end() || IsOld(**found->second.at)) return nullptr;
  return *found->second.at;
}

std::vector<DecisionPtr> DecisionStore::Recent(std::size_t most) const {
  std::vector<DecisionPtr> out;
  std::lock_guard lock(mutex_);
  const std::list<DecisionPtr>& all = refused_.decisions;
  for (auto at = all.rbegin(); at != all.rend() && out.size() < most; ++at)
    if (!IsOld(**at)) out.push_back(*at);
  return out;
}

std::vector<DecisionPtr> DecisionStore::All() const {
  std::vector<DecisionPtr> out;
  std::lock_guard lock(mutex_);
  for (const Ring* ring : {&accepted_, &refused_})
    for (const DecisionPtr& decision : ring->decisions)
      if (!IsOld(*decision)) out.push_back(decision);
  SortByTime(&out);
  return out;
}

DecisionStore::Counts DecisionStore::counts() const {
  std::lock_guard lock(mutex_);
  return {refused_.decisions.size(), accepted_.decisions.size(), refused_.bytes + accepted_.bytes,
          put_};
}

// --- the file ----------------------------------------------------------------------------

Result<bool, std::string> DecisionStore::KeepIn(const std::string& path, Log* log) {
  if (path == path_) return true;
  StopWriting();
  if (path.empty()) return true;
  auto file = DecisionFile::Open(path, bounds_.file_bytes);
  if (!file) return Err{file.error()};
  auto contents = DecisionFile::Read(path, bounds_.file_bytes);
  // A wrong name may be that of something precious.
  if (contents && contents.value().decisions.empty() && !contents.value().flaws.empty())
    return Err{path + " is not used: it holds something else than decisions"};
  if (!contents)
    log->Main("Warning: decisions_file begins anew: " + contents.error());
  else
    for (const std::string& flaw : contents.value().flaws)
      log->Main("Warning: decisions_file " + path + " " + flaw + ": left out");
  std::lock_guard lock(mutex_);
  if (contents) InsertOlder(std::move(contents).value().decisions);
  file_ = std::move(file).value();
  path_ = path;
  log_ = log;
  rewrite_ = true;  // what is old or broken goes, and what was kept before comes in
  stopping_ = in_trouble_ = false;
  writer_ = std::thread([this] { Write(); });
  return true;
}

// What is in memory is newer than what a file holds.
void DecisionStore::InsertOlder(std::vector<Decision> decisions) {
  std::unordered_set<std::string> known;
  for (const auto& [name, place] : index_) known.insert(name);
  for (Decision& decision : decisions) {
    const std::string name = Normalized(decision.reference);
    if (name.empty() || known.contains(name)) continue;
    Insert(std::make_shared<const Decision>(std::move(decision)));
  }
}

void DecisionStore::StopWriting() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
  std::lock_guard lock(mutex_);
  file_.reset();
  path_.clear();
  unwritten_.clear();
  rewrite_ = false;
}

// While the file cannot be written names gather; more than there are decisions make no sense.
void DecisionStore::Note(const std::string& name) {
  if (path_.empty()) return;
  if (unwritten_.size() > 2 * bounds_.number) {
    unwritten_.clear();
    rewrite_ = true;
  }
  unwritten_.insert(name);
  wake_.notify_one();
}

void DecisionStore::Write() {
  ::pthread_setname_np(::pthread_self(), "decisions");
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || rewrite_ || !unwritten_.empty(); });
    wake_.wait_for(lock, kGather, [this] { return stopping_; });
    const std::size_t written = rewrite_ || !unwritten_.empty() ? WriteBatch(&lock) : 0;
    // What comes meanwhile gathers, and of it only what is kept is written.
    wake_.wait_for(lock,
                   std::chrono::milliseconds(1000 * written / limits::kDecisionsWrittenPerSecond),
                   [this] { return stopping_; });
    if (stopping_ && !rewrite_ && unwritten_.empty()) return;
  }
}

// Returns how many octets there were to write.
std::size_t DecisionStore::WriteBatch(std::unique_lock<std::mutex>* lock) {
  std::vector<DecisionPtr> batch;
  for (const std::string& name : std::exchange(unwritten_, {}))
    if (const auto found = index_.find(name); found != index_.end())
      batch.push_back(*found->second.at);
  const bool anew = std::exchange(rewrite_, false);
  lock->unlock();
  SortByTime(&batch);
  std::string lines;
  if (!anew)
    for (const DecisionPtr& decision : batch) lines += LineOf(*decision);
  const bool replace = anew || !file_->HasRoom(lines.size());
  const auto written = replace ? file_->Replace(All()) : file_->Append(lines);
  if (!written && !in_trouble_)
    log_->Panic("decisions are not kept in their file: " + written.error());
  if (written && in_trouble_) log_->Main("decisions are kept in their file again");
  lock->lock();
  in_trouble_ = !written;
  if (in_trouble_ && !stopping_) {
    wake_.wait_for(*lock, kTryAgain, [this] { return stopping_; });
    rewrite_ = true;  // whatever the file has got of it
  }
  return replace ? file_->size() : lines.size();
}

}  // namespace signet::report
