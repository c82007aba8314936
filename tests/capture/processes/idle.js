'use strict'

require('./report').reportAndWait()
