#include "src/base/result.h"
#include "src/engine/loop.h"

namespace signet::engine {

struct Event::Rep {
  Waiter* waiters = nullptr;
  Loop::Rep* loop = nullptr;

  void Add(Waiter* waiter) {
    waiter->next = waiters;
    if (waiters != nullptr) waiters->previous = waiter;
    waiters = waiter;
  }
  void Remove(Waiter* waiter) {
    (waiter->previous == nullptr ? waiters : waiter->previous->next) = waiter->next;
    if (waiter->next != nullptr) waiter->next->previous = waiter->previous;
  }
};

Event::Event() : rep_(std::make_unique<Rep>()) {}
Event::~Event() { SIGNET_CHECK(rep_->waiters == nullptr); }

IoStatus Event::Wait(Deadline deadline) {
  Waiter waiter;
  Loop::Rep& loop = Loop::Rep::Here();
  rep_->loop = &loop;
  rep_->Add(&waiter);
  waiter.listed = true;
  const IoStatus status = loop.Wait(waiter, deadline);
  if (waiter.listed) rep_->Remove(&waiter);
  return status;
}

// Takes the waiters off the list here and now: the event may be gone when they run.
void Event::Signal() {
  while (Waiter* waiter = rep_->waiters) {
    rep_->Remove(waiter);
    waiter->listed = false;
    rep_->loop->Wake(*waiter, IoStatus::kOk);
  }
}

}  // namespace signet::engine
