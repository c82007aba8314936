/*
 * rs_memusage.h - lets a native addon declare memory that it holds, so that rs-memusage shows it.
 *
 *   #include "rs_memusage.h"
 *
 *   uint64_t handle = rs_memusage_declare(bytes, "images");   when the memory is allocated
 *   rs_memusage_retract(handle);                              when it is freed
 *
 * Declared memory is in externalBuffers.usage() and .list() under its label, as source 'declared'. It is what the addon
 * says: its resident part is not measured, and V8 is told nothing (call napi_adjust_external_memory for that, on the
 * thread of an environment). Memory inside an ArrayBuffer must not be declared: externalBuffers.track() follows that.
 *
 * The header is all that is needed, in C or C++. There is nothing to link and nothing to wait for: when rs-memusage is
 * not loaded, declaring gives 0 and retracting does nothing. Both may be called from any thread, without an
 * environment, as long as no lock of the dynamic loader is held.
 *
 * How the functions are found: Node loads addons with RTLD_LOCAL, so that neither linking nor dlsym(RTLD_DEFAULT) sees
 * them, and the name of the binary is the user's choice (RS_MEMUSAGE_NATIVE_PATH). So the loaded objects are gone
 * through, and each one whose name ends in ".node" is asked for the functions by dlopen(RTLD_NOLOAD), which loads
 * nothing. What is found is kept: rs-memusage is never unloaded. What is not found is looked for again by the next
 * declaration, at some microseconds for each, because rs-memusage may be loaded later. With two copies of the package
 * in a process the one that was loaded first is told. A value handed out through JavaScript would need the addon's
 * authors to write JavaScript too, and would be there only after it ran.
 *
 * The names carry the version of the interface: what they mean will not change.
 */
#ifndef RS_MEMUSAGE_H
#define RS_MEMUSAGE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for dl_iterate_phdr; define it yourself when other headers come first in C */
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __linux__
#include <dlfcn.h>
#include <link.h>

#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t (*rs_memusage_declare_function)(uint64_t bytes, const char *label);
typedef uint8_t (*rs_memusage_retract_function)(uint64_t handle);

#ifdef __linux__

/* The name of the n-th loaded object that may be ours. */
struct rs_memusage_search {
  size_t left;
  char name[4096];
};

static inline int rs_memusage_next(struct dl_phdr_info *object, size_t size, void *data) {
  struct rs_memusage_search *search = (struct rs_memusage_search *)data;
  size_t length = object->dlpi_name ? strlen(object->dlpi_name) : 0;
  (void)size;
  if (length < 5 || length >= sizeof search->name) return 0;
  if (memcmp(object->dlpi_name + length - 5, ".node", 5) != 0) return 0;
  if (search->left-- > 0) return 0;
  memcpy(search->name, object->dlpi_name, length + 1);
  return 1;
}

/* A function of rs-memusage, or NULL while it is not loaded. */
static inline void *rs_memusage_find(const char *function) {
  struct rs_memusage_search search;
  size_t n;
  for (n = 0;; n++) {
    void *object, *found;
    search.left = n;
    if (!dl_iterate_phdr(rs_memusage_next, &search)) return NULL;
    object = dlopen(search.name, RTLD_LAZY | RTLD_NOLOAD);
    if (!object) continue;
    found = dlsym(object, function);
    dlclose(object); /* only what dlopen counted: Node keeps it, and it keeps itself */
    if (found) return found;
  }
}

#else

static inline void *rs_memusage_find(const char *function) {
  (void)function;
  return NULL;
}

#endif

/*
 * Declares that bytes are held, under a label that is copied: UTF-8, at most 255 bytes count, NULL for none. Use few
 * labels, for kinds of memory and not for single pieces: they are kept for the life of the process.
 * Gives the handle to retract it by; 0 when rs-memusage is not loaded.
 */
static inline uint64_t rs_memusage_declare(uint64_t bytes, const char *label) {
  static rs_memusage_declare_function declare;
  rs_memusage_declare_function known = __atomic_load_n(&declare, __ATOMIC_RELAXED);
  if (!known) {
    void *found = rs_memusage_find("rs_memusage_declare_v1");
    if (!found) return 0;
    memcpy(&known, &found, sizeof known);
    __atomic_store_n(&declare, known, __ATOMIC_RELAXED);
  }
  return known(bytes, label);
}

/* Retracts a declaration, once. 0, and any number that is no handle, does nothing. */
static inline void rs_memusage_retract(uint64_t handle) {
  static rs_memusage_retract_function retract;
  rs_memusage_retract_function known = __atomic_load_n(&retract, __ATOMIC_RELAXED);
  if (handle == 0) return;
  if (!known) {
    void *found = rs_memusage_find("rs_memusage_retract_v1");
    if (!found) return;
    memcpy(&known, &found, sizeof known);
    __atomic_store_n(&retract, known, __ATOMIC_RELAXED);
  }
  (void)known(handle);
}

#ifdef __cplusplus
}
#endif

#endif
