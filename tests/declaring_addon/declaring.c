/*
 * An addon that holds memory and declares it, for the tests: include/rs_memusage.h in use. Node-API is declared here in
 * the few lines that are used of it, because Node's headers need not be installed.
 *
 *   hold(bytes)  allocates, declares as "declaring addon", gives the handle
 *   drop(handle) retracts and frees
 *   holdInThread(bytes)  the same as hold, from a thread that Node knows nothing of
 */
#define _GNU_SOURCE
#include "../../include/rs_memusage.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
extern int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
extern int napi_get_value_double(napi_env, napi_value, double *);
extern int napi_create_double(napi_env, double, napi_value *);
extern int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern int napi_set_named_property(napi_env, napi_value, const char *, napi_value);

#define PIECES 1000

static struct {
  uint64_t handle;
  void *memory;
} pieces[PIECES];

static double argument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value = NULL;
  double number = 0;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_double(env, value, &number);
  return number;
}

static uint64_t hold_bytes(size_t bytes) {
  int i;
  for (i = 0; i < PIECES; i++) {
    if (pieces[i].memory) continue;
    pieces[i].memory = malloc(bytes);
    pieces[i].handle = rs_memusage_declare(bytes, "declaring addon");
    return pieces[i].handle;
  }
  return 0;
}

static napi_value hold(napi_env env, napi_callback_info info) {
  napi_value result = NULL;
  napi_create_double(env, (double)hold_bytes((size_t)argument(env, info)), &result);
  return result;
}

static void *in_thread(void *bytes) {
  return (void *)(uintptr_t)hold_bytes((size_t)(uintptr_t)bytes);
}

static napi_value hold_in_thread(napi_env env, napi_callback_info info) {
  napi_value result = NULL;
  void *handle = NULL;
  pthread_t thread;
  pthread_create(&thread, NULL, in_thread, (void *)(uintptr_t)argument(env, info));
  pthread_join(thread, &handle);
  napi_create_double(env, (double)(uintptr_t)handle, &result);
  return result;
}

static napi_value drop(napi_env env, napi_callback_info info) {
  uint64_t handle = (uint64_t)argument(env, info);
  int i;
  for (i = 0; i < PIECES; i++) {
    if (!pieces[i].memory || pieces[i].handle != handle) continue;
    rs_memusage_retract(handle);
    free(pieces[i].memory);
    pieces[i].memory = NULL;
  }
  return NULL;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {{"hold", hold}, {"holdInThread", hold_in_thread}, {"drop", drop}};
  size_t i;
  for (i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, (size_t)-1, functions[i].callback, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
