#include "src/relay/worker.h"

#include <algorithm>
#include <utility>

#include "src/base/limits.h"
#include "src/engine/engine.h"

namespace signet::relay {
namespace {

// Makes room in a map of things with an end: those that are over, or else any.
template <typename Map, typename IsOver>
void MakeRoom(Map* map, std::size_t most, IsOver is_over) {
  if (map->size() < most) return;
  std::erase_if(*map, is_over);
  if (map->size() >= most) map->erase(map->begin());
}

}  // namespace

// --- connections -----------------------------------------------------------------------------

// The youngest is the likeliest to be still there.
std::unique_ptr<Connection> IdleConnections::Take(const Terms& terms) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i].connection->terms() != terms) continue;
    std::unique_ptr<Connection> found = std::move(idle_[i].connection);
    const bool in_time = !idle_[i].until.Passed();
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (in_time && found->client().IsReady()) return found;
  }
  return nullptr;
}

void IdleConnections::Keep(std::unique_ptr<Connection> connection) {
  engine::Loop* loop = engine::Loop::Current();
  if (loop == nullptr || !connection->MayServeAgain()) return connection->client().Leave();
  auto shared = std::make_shared<std::unique_ptr<Connection>>(std::move(connection));
  const bool spawned = loop->Spawn([this, shared] {
    SmtpClient& client = (*shared)->client();
    const auto answer = client.Command("RSET");
    if (answer.ok() && answer.value().code == 250) return Add(std::move(*shared));
    client.Leave();
  });
  if (!spawned) shared->reset();
}

void IdleConnections::Add(std::unique_ptr<Connection> connection) {
  const Deadline until = connection->idle_until();
  if (idle_.size() >= limits::kUpstreamIdleMax) {
    idle_.front().connection->client().Leave();
    idle_.erase(idle_.begin());
  }
  idle_.push_back({std::move(connection), until});
  if (std::exchange(sweeping_, true)) return;
  engine::Loop* loop = engine::Loop::Current();
  if (loop == nullptr || !loop->Spawn([this] { Sweep(); })) {
    idle_.clear();
    sweeping_ = false;
  }
}

// Lives as long as there is something to look after. Ends with the worker, whose loop its
// connections must not outlive.
void IdleConnections::Sweep() {
  constexpr std::chrono::milliseconds kPause{500};
  engine::IdleScope idle;
  while (!idle_.empty()) {
    Deadline next = Deadline::After(kPause);
    for (const Idle& i : idle_) next = next.Sooner(i.until);
    if (!engine::SleepUntil(next).ok()) break;
    const auto is_over = [](Idle& i) {
      return i.until.Passed() || !i.connection->client().IsReady();
    };
    for (Idle& i : idle_)
      if (is_over(i)) i.connection->client().Leave();
    std::erase_if(idle_, [](Idle& i) { return !i.connection->client().IsReady(); });
  }
  idle_.clear();
  sweeping_ = false;
}

// --- hosts -----------------------------------------------------------------------------------

void FailingHosts::Note(const std::string& host) {
  MakeRoom(&until_, limits::kUpstreamHostsRemembered,
           [](const auto& entry) { return entry.second.Passed(); });
  until_.insert_or_assign(host, Deadline::After(limits::kUpstreamRetry));
}

bool FailingHosts::Contains(const std::string& host) const {
  const auto found = until_.find(host);
  return found != until_.end() && !found->second.Passed();
}

// --- answers about addresses -----------------------------------------------------------------

const Reply* ProbeAnswers::Find(const std::string& key) const {
  const auto found = answers_.find(key);
  return found != answers_.end() && !found->second.until.Passed() ? &found->second.reply : nullptr;
}

void ProbeAnswers::Note(const std::string& key, const Reply& reply) {
  MakeRoom(&answers_, limits::kCallForwardKept,
           [](const auto& entry) { return entry.second.until.Passed(); });
  answers_.insert_or_assign(key, Answer{reply, Deadline::After(limits::kCallForwardMaxAge)});
}

WorkerMemory& ThisWorker() {
  thread_local WorkerMemory memory;
  return memory;
}

}  // namespace signet::relay
