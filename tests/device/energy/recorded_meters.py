"""Recorded trees of machines with energy meters, in the formats of the kernel's documentation."""

DESKTOP = {
    "class/powercap/intel-rapl:0/name": "package-0\n",
    "class/powercap/intel-rapl:0/energy_uj": "262143000000\n",
    "class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850\n",
    "class/powercap/intel-rapl:0:0/name": "core\n",
    "class/powercap/intel-rapl:0:0/energy_uj": "5\n",
    "class/powercap/intel-rapl:0:0/max_energy_range_uj": "262143328850\n",
    "class/powercap/intel-rapl:0:1/name": "dram\n",
    "class/powercap/intel-rapl:0:1/energy_uj": "1000000\n",
    "class/powercap/intel-rapl:0:1/max_energy_range_uj": "65712999613\n",
    "class/powercap/intel-rapl:1/name": "psys\n",
    "class/powercap/intel-rapl:1/energy_uj": "7\n",
    "class/powercap/intel-rapl:1/max_energy_range_uj": "262143328850\n",
    "class/powercap/intel-rapl-mmio:0/name": "package-0\n",
    "class/powercap/intel-rapl-mmio:0/energy_uj": "9\n",
    "class/powercap/intel-rapl-mmio:0/max_energy_range_uj": "262143328850\n",
    "class/hwmon/hwmon0/name": "coretemp\n",
    "class/hwmon/hwmon0/temp1_input": "45000\n",
    "class/hwmon/hwmon1/name": "amdgpu\n",
    "class/hwmon/hwmon1/power1_average": "21000000\n",
    "class/hwmon/hwmon1/power1_label": "PPT\n",
    "class/hwmon/hwmon2/name": "xe\n",
    "class/hwmon/hwmon2/energy1_input": "5000000\n",
    "class/hwmon/hwmon2/energy1_label": "card\n",
    "class/hwmon/hwmon2/energy2_input": "4000000\n",
    "class/hwmon/hwmon2/energy2_label": "pkg\n",
}

# Jetson Orin: VDD_IN is what all others hang on; the fourth voltage is a sum without a current
ORIN = {
    "class/hwmon/hwmon3/name": "ina3221\n",
    "class/hwmon/hwmon3/in1_label": "VDD_IN\n",
    "class/hwmon/hwmon3/in1_input": "5000\n",
    "class/hwmon/hwmon3/curr1_input": "1200\n",
    "class/hwmon/hwmon3/in2_label": "VDD_CPU_GPU_CV\n",
    "class/hwmon/hwmon3/in2_input": "5000\n",
    "class/hwmon/hwmon3/curr2_input": "400\n",
    "class/hwmon/hwmon3/in3_label": "VDD_SOC\n",
    "class/hwmon/hwmon3/in3_input": "5000\n",
    "class/hwmon/hwmon3/curr3_input": "300\n",
    "class/hwmon/hwmon3/in4_label": "sum of shunt voltages\n",
    "class/hwmon/hwmon3/in4_input": "8\n",
}

# Jetson AGX Orin: two sensors, no rail for all
AGX_ORIN = {
    "class/hwmon/hwmon1/name": "ina3221\n",
    "class/hwmon/hwmon1/in1_label": "VDD_GPU_SOC\n",
    "class/hwmon/hwmon1/in1_input": "20000\n",
    "class/hwmon/hwmon1/curr1_input": "100\n",
    "class/hwmon/hwmon1/in2_label": "VDD_CPU_CV\n",
    "class/hwmon/hwmon1/in2_input": "20000\n",
    "class/hwmon/hwmon1/curr2_input": "50\n",
    "class/hwmon/hwmon1/in3_label": "NC\n",
    "class/hwmon/hwmon1/in3_input": "20000\n",
    "class/hwmon/hwmon1/curr3_input": "999\n",
    "class/hwmon/hwmon2/name": "ina3221\n",
    "class/hwmon/hwmon2/in2_label": "VDDQ_VDD2_1V8AO\n",
    "class/hwmon/hwmon2/in2_input": "5000\n",
    "class/hwmon/hwmon2/curr2_input": "100\n",
}

# Jetson Nano with the maker's kernel: an IIO device in milliwatts
NANO = {
    "bus/iio/devices/iio:device0/name": "ina3221x\n",
    "bus/iio/devices/iio:device0/rail_name_0": "POM_5V_IN\n",
    "bus/iio/devices/iio:device0/in_power0_input": "2500\n",
    "bus/iio/devices/iio:device0/rail_name_1": "POM_5V_GPU\n",
    "bus/iio/devices/iio:device0/in_power1_input": "400\n",
}

# an AMD server with the driver amd_energy
SERVER = {
    "class/hwmon/hwmon0/name": "amd_energy\n",
    "class/hwmon/hwmon0/energy1_label": "Ecore000\n",
    "class/hwmon/hwmon0/energy1_input": "1000000\n",
    "class/hwmon/hwmon0/energy2_label": "Esocket0\n",
    "class/hwmon/hwmon0/energy2_input": "8000000\n",
    "class/hwmon/hwmon0/energy3_label": "Esocket1\n",
    "class/hwmon/hwmon0/energy3_input": "9000000\n",
}

LAPTOP = {
    "class/power_supply/BAT0/type": "Battery\n",
    "class/power_supply/BAT0/status": "Discharging\n",
    "class/power_supply/BAT0/power_now": "9500000\n",
    "class/power_supply/AC/type": "Mains\n",
    "class/power_supply/AC/online": "0\n",
    "class/power_supply/hidpp_battery_0/type": "Battery\n",
    "class/power_supply/hidpp_battery_0/scope": "Device\n",
    "class/power_supply/hidpp_battery_0/power_now": "1000000\n",
}
