/**
 * The steps on a stream of events that must happen together or not at all.
 *
 * @module
 */
import { RedisScript } from "./redis_script.ts";

/** Takes an event off the stream. KEYS: stream. ARGV: group, entry. */
export const ACKNOWLEDGE: RedisScript = new RedisScript(`
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
`);

/**
 * Counts a failed delivery for more, or for less, than the 1 that Redis has counted, unless somebody took the
 * event over meanwhile.
 *
 * KEYS: stream. ARGV: group, consumer, entry, weight.
 */
export const COUNT_FAILURE: RedisScript = new RedisScript(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if #pending == 0 then return end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3],
  'RETRYCOUNT', pending[1][4] - 1 + ARGV[4], 'JUSTID')
`);

/**
 * Moves an event that cannot be carried out to the dead, unless somebody took it over meanwhile.
 *
 * KEYS: stream, stream of the dead. ARGV: group, entry, failures, least idle ms.
 */
export const BURY: RedisScript = new RedisScript(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[4], ARGV[2], ARGV[2], 1)
if #pending == 0 then return end
local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
if found[1] then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'entry', ARGV[2],
    'failures', ARGV[3], unpack(found[1][2]))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
`);

/**
 * Takes consumers out of a group that hold no event and were idle: all of them, or one by name. To take
 * out one that holds events would lose them.
 *
 * KEYS: stream. ARGV: group, least idle ms, name (optional).
 */
export const FORGET_IDLE: RedisScript = new RedisScript(`
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local name, pending, idle = info[2], info[4], info[6]
  if pending == 0 and idle >= tonumber(ARGV[2]) and (not ARGV[3] or ARGV[3] == name) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
  end
end
`);
