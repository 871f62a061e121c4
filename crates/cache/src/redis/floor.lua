-- Raises the floor: entries that the store was asked for before now are not believed any more, nor those of the moment
-- after, for which a copy of the store may have been asked that was still behind.
--
-- KEYS[1]  the floor, in eighths of a second
-- ARGV[1]  how long that moment is, in eighths of a second
--
-- Answers the new floor.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 8 + math.floor(tonumber(time[2]) / 125000) + tonumber(ARGV[1])
local old = tonumber(redis.call('GET', KEYS[1]) or '0')
if old >= now then return old end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return now
