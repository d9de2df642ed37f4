-- Atomic changes of shared state. KEYS[1] is the tenant, ARGV[1] the name of the change, the rest are its arguments.
--
-- <tenant>:kinds            the kinds of records that the tenant has had
-- <tenant>:<kind>           keys of the records, by the microseconds of their last change
-- <tenant>:<kind>:<key>     the record; it expires by itself

local tenant = KEYS[1]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function text(number)
  return string.format('%.0f', number)
end

local function index_of(kind)
  return tenant .. ':' .. kind
end

local function record_of(kind, key)
  return tenant .. ':' .. kind .. ':' .. key
end

local change = {}

function change.get(kind, key)
  local changed = redis.call('ZSCORE', index_of(kind), key)
  local value = redis.call('GET', record_of(kind, key))
  return changed and value and {text(changed), value}
end

function change.put(kind, key, value, seconds, limit, expected)
  local index, at = index_of(kind), now()
  local oldest = at - seconds * 1000000
  local current = tonumber(redis.call('ZSCORE', index, key) or 0)
  if current <= oldest then
    current = 0
  end
  if expected ~= '' and tonumber(expected) ~= current then
    return ''
  end
  local last = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  at = math.max(at, (tonumber(last[2]) or 0) + 1)
  -- The first write of a script is the only one that a server without memory refuses.
  redis.call('SET', record_of(kind, key), value, 'EX', seconds)
  redis.call('ZADD', index, text(at), key)
  redis.call('EXPIRE', index, seconds)
  redis.call('SADD', tenant .. ':kinds', kind)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', text(oldest))
  local beyond = redis.call('ZCARD', index) - limit
  if beyond > 0 then
    local removed = redis.call('ZPOPMIN', index, beyond)
    for place = 1, #removed, 2 do
      redis.call('DEL', record_of(kind, removed[place]))
    end
  end
  return text(at)
end

function change.delete(kind, key)
  redis.call('ZREM', index_of(kind), key)
  return redis.call('DEL', record_of(kind, key))
end

function change.page(kind, before, limit)
  local found = {}
  local keys = redis.call('ZREVRANGEBYSCORE', index_of(kind), before, '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
  for place = 1, #keys, 2 do
    local value = redis.call('GET', record_of(kind, keys[place]))
    if value then
      table.insert(found, {keys[place], value, text(keys[place + 1])})
    end
  end
  return found
end

function change.erase()
  local count = 0
  for _, kind in ipairs(redis.call('SMEMBERS', tenant .. ':kinds')) do
    for _, key in ipairs(redis.call('ZRANGE', index_of(kind), 0, -1)) do
      count = count + redis.call('DEL', record_of(kind, key))
    end
    redis.call('DEL', index_of(kind))
  end
  redis.call('DEL', tenant .. ':kinds')
  return count
end

return change[ARGV[1]](unpack(ARGV, 2))
