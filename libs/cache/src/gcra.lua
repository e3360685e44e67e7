-- Takes permits out of a caller's bucket: the generic cell rate algorithm.
-- KEYS[1] holds when the bucket is full again, in microseconds; it expires by then.
-- ARGV: microseconds in which a permit comes back, permits of a full bucket, permits that are wanted,
-- microseconds until the bucket is full as the asking instance knows it, 1 if that instance gave permits by itself since.
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = now + tonumber(ARGV[4])
local stored = tonumber(redis.call('GET', KEYS[1]))
local full = stored or known
if ARGV[5] == '1' then full = math.max(full, known) end
-- Never more than an empty bucket, whatever the clock did.
full = math.min(math.max(full, now), now + burst * interval)

local free = math.max(0, math.floor(burst - (full - now) / interval))
local taken = math.min(wanted, free)
if taken > 0 then
  full = full + taken * interval
  -- Lua's own text of a number this large loses digits.
  redis.call('SET', KEYS[1], string.format('%.2f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
local pause = 0
if taken == 0 then pause = full - now - (burst - 1) * interval end
return {taken, free - taken, math.max(0, math.ceil(pause)), math.ceil(full - now)}
