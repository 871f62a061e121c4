-- Puts an entry, unless a newer one is there.
--
-- KEYS[1]  the entry
-- ARGV[1]  what it says: a packed record, the 6 bytes of a version (a marker), or nothing
-- ARGV[2]  its version, 0 for none
-- ARGV[3]  its life in milliseconds
-- ARGV[4]  how long ago the store was asked, in milliseconds
-- ARGV[5]  until when it may be put, in milliseconds since the epoch; 0 for ever
--
-- Answers whether it was put.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local deadline = tonumber(ARGV[5])
if deadline > 0 and now > deadline then return 0 end
local old = redis.call('GET', KEYS[1])
-- 3 bytes say that there is nothing, 8 are a fill lock: neither has a version.
if old and #old > 8 then
  local before = #old >= 18 and 12 or 3
  local version, weight = 0, 1
  for place = before + 1, before + 6 do
    version = version + string.byte(old, place) * weight
    weight = weight * 256
  end
  if version > tonumber(ARGV[2]) then return 0 end
end
local stamp = math.floor((now - tonumber(ARGV[4])) / 125) % 16777216
local bytes = string.char(stamp % 256, math.floor(stamp / 256) % 256, math.floor(stamp / 65536))
redis.call('SET', KEYS[1], bytes .. ARGV[1], 'PX', ARGV[3])
return 1
