/* Preloaded into a server under trial: while the file named by FAILING_DISK exists, writes to the database and its journal
 * fail as its first word says: "full" (ENOSPC), "readonly" (EROFS) or "sync" (writes work, making them durable fails
 * with EIO). As "delay" it makes nothing fail, but every fsync takes 300 ms. Everything else, sockets and logs among it, goes
 * through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_database(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, "valetkey.db") != NULL;
}

/* The failure that is asked for: 'f' full, 'r' read-only, 's' sync, 'd' delay; 0 for none. */
static char failure(int fd) {
  const char *flag = getenv("FAILING_DISK");
  if (!flag || !is_database(fd)) return 0;
  int file = open(flag, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char word = 0;
  if (read(file, &word, 1) != 1) word = 0;
  close(file);
  return word;
}

static int write_fails(int fd) {
  switch (failure(fd)) {
    case 'f': return ENOSPC;
    case 'r': return EROFS;
    default: return 0;
  }
}

static int sync_fails(int fd) {
  char word = failure(fd);
  if (word == 'd') usleep(300 * 1000);
  return word == 's';
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
  int error = write_fails(fd);
  if (error) { errno = error; return -1; }
  return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  int error = write_fails(fd);
  if (error) { errno = error; return -1; }
  return REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  int error = write_fails(fd);
  if (error) { errno = error; return -1; }
  return REAL(pwrite64)(fd, bytes, count, at);
}

int fsync(int fd) {
  if (sync_fails(fd)) { errno = EIO; return -1; }
  return REAL(fsync)(fd);
}

int fdatasync(int fd) {
  if (sync_fails(fd)) { errno = EIO; return -1; }
  return REAL(fdatasync)(fd);
}
