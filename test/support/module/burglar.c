/* The lookup `burglar`: tries what code that has got into the serving process would try, and says
 * how the kernel answered: "execute=EPERM fork=EPERM …". For the tests of the sandbox; the query
 * is a file that it tries to write. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <signal.h>
#include <signet/driver.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int note(char* out, size_t size, const char* what, long result) {
  const char* name = result >= 0 ? "done" : strerrorname_np(errno);
  const size_t used = strlen(out);
  return snprintf(out + used, size - used, "%s%s=%s", used > 0 ? " " : "", what, name);
}

static long start_process(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  return child;
}

static long send_signal_to_parent(void) { return kill(getppid(), 0); }

static long open_to_write(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT, 0600);
  if (fd >= 0) close(fd);
  return fd;
}

static void* open_state(const struct signet_host* host, struct signet_worker* worker) {
  static int nothing;
  (void)host;
  (void)worker;
  return &nothing;
}

static enum signet_found find(const struct signet_host* host, void* state,
                              struct signet_lookup_call* call) {
  /* Not there: a program that could be executed would say so. */
  char* const words[] = {"/nowhere/program", NULL};
  char path[1024] = "", out[1024] = "";
  struct signet_text answer = {out, 0};
  (void)state;
  if (call->query.size >= sizeof path) return SIGNET_LATER;
  memcpy(path, call->query.data, call->query.size);
  note(out, sizeof out, "execute", execve(words[0], words, words + 1));
  note(out, sizeof out, "fork", start_process());
  note(out, sizeof out, "trace", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
  note(out, sizeof out, "mount", mount("none", "/mnt", "tmpfs", 0, NULL));
  note(out, sizeof out, "namespace", unshare(CLONE_NEWUSER));
  note(out, sizeof out, "packets", socket(AF_PACKET, SOCK_RAW, ETH_P_ALL));
  note(out, sizeof out, "raw", socket(AF_INET, SOCK_RAW, 1));
  note(out, sizeof out, "bpf", syscall(SYS_bpf, 0, NULL, 0));
  note(out, sizeof out, "module", syscall(SYS_init_module, NULL, 0, NULL));
  note(out, sizeof out, "kexec", syscall(SYS_kexec_load, 0, 0, NULL, 0));
  note(out, sizeof out, "root", setuid(0));
  note(out, sizeof out, "signal", send_signal_to_parent());
  note(out, sizeof out, "write", open_to_write(path));
  answer.size = strlen(out);
  host->answer(call, answer);
  return SIGNET_FOUND;
}

static const struct signet_lookup_type types[] = {
    {.name = SIGNET_TEXT("burglar"), .manual = SIGNET_TEXT("tries what must not be possible")},
};

static const struct signet_lookup_driver lookup = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_lookup_driver),
    .name = SIGNET_TEXT("burglar"),
    .types = types,
    .type_count = 1,
    .type_size = sizeof types[0],
    .open = open_state,
    .find = find,
};

static const struct signet_lookup_driver* const lookups[] = {&lookup};

static const struct signet_module module = {
    .abi_version = SIGNET_ABI_VERSION,
    .size = sizeof(struct signet_module),
    .name = SIGNET_TEXT("burglar"),
    .version = SIGNET_TEXT("1.0"),
    .lookups = lookups,
    .lookup_count = 1,
};

SIGNET_DRIVER_ENTRY(burglar) { return &module; }
